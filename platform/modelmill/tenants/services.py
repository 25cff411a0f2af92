"""The tenants room's writes."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone, translation
from django.utils.text import slugify
from django.utils.translation import gettext as _

from modelmill.core.errors import Conflict, InvalidRequest, NotFound
from modelmill.core.ids import new_id
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.tenants import keys
from modelmill.tenants.callers import Caller
from modelmill.tenants.models import ApiKey, AuditEntry, Invitation, Member, Tenant, User
from modelmill.tenants.permissions import KEY_SCOPES, Role

INVITATION_VALID = timedelta(days=7)


@contextmanager
def tenant_voice(tenant_id: str) -> Iterator[None]:
    """See the tenant's rows and speak its language inside the block: workers have no request."""
    language = Tenant.objects.values_list("language", flat=True).get(pk=tenant_id)
    with tenant_scope(tenant_id), translation.override(language):
        yield


def tenant_create(
    name: str, *, owner: User, language: str = "en", time_zone: str = "UTC"
) -> Tenant:
    """Create a tenant with its first owner; its slug is made unique from the name."""
    with transaction.atomic():
        tenant = Tenant.objects.create(
            name=_one_line(name), slug=_free_slug(name), language=language, time_zone=time_zone
        )
        with tenant_scope(tenant.id):
            Member.objects.create(tenant=tenant, user=owner, role=Role.OWNER)
            AuditEntry.objects.create(
                tenant=tenant, action="tenant.created", actor=owner.email, object_id=tenant.id
            )
    return tenant


def tenant_change(
    tenant: Tenant, *, caller: Caller, name: str, time_zone: str, language: str
) -> Tenant:
    """Change a tenant's name, time zone and language."""
    caller.require("members:write")
    tenant.name, tenant.time_zone, tenant.language = _one_line(name), time_zone, language
    tenant.save(update_fields=["name", "time_zone", "language"])
    audit_record("tenant.changed", caller=caller, object_id=tenant.id)
    return tenant


def tenant_billing_change(
    tenant: Tenant,
    *,
    caller: Caller,
    billing_name: str | None = None,
    billing_address: str | None = None,
    tax_number: str | None = None,
) -> Tenant:
    """Change what a tenant's later invoices say of it; what is not given stays.

    The address may have several lines. Whoever minds the bills may, and who minds the members.
    """
    billing_require(caller)
    lines = None if billing_address is None else map(_one_line, billing_address.splitlines())
    wanted = {
        "billing_name": None if billing_name is None else _one_line(billing_name),
        "billing_address": None if lines is None else "\n".join(filter(None, lines)),
        "tax_number": None if tax_number is None else _one_line(tax_number),
    }
    changed = [
        field
        for field, value in wanted.items()
        if value is not None and value != getattr(tenant, field)
    ]
    for field in changed:
        setattr(tenant, field, wanted[field])
    if changed:
        tenant.save(update_fields=changed)
        audit_record(
            "tenant.billing_changed",
            caller=caller,
            object_id=tenant.id,
            detail={"fields": changed},
        )
    return tenant


def billing_require(caller: Caller) -> None:
    """Raise ``PermissionDenied`` unless the caller may change the billing details."""
    if not caller.may("members:write"):
        caller.require("billing:write")


def tenant_state_set(tenant: Tenant, *, state: str, actor: str) -> Tenant:
    """Suspend a tenant or let it work again; the operator's act, in the tenant's own log."""
    Tenant.objects.filter(pk=tenant.pk).update(state=state)
    tenant.state = state
    with tenant_scope(tenant.id):
        operator_record(f"tenant.{state}", tenant=tenant, actor=actor, object_id=tenant.id)
    keys.keys_forget()
    return tenant


def member_invite(email: str, *, role: str, caller: Caller) -> tuple[Invitation, str]:
    """Offer somebody a place; return the invitation and its secret, for the e-mail alone.

    Inviting the same address again replaces the open invitation, so only the
    newest e-mail works. Raises ``Conflict`` when the person is a member already.
    """
    caller.require("members:write")
    email = email.strip().lower()
    _check_role(role, caller=caller)
    if Member.objects.filter(user__email=email).exists():
        raise Conflict(_("%(email)s is already a member.") % {"email": email}, param="email")
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        Invitation.objects.filter(email=email, accepted_at=None).delete()
        invitation = Invitation.objects.create(
            tenant=caller.tenant,
            email=email,
            role=role,
            secret_sha256=_sha256(secret),
            invited_by=caller.user,
            expires_at=timezone.now() + INVITATION_VALID,
        )
        audit_record("member.invited", caller=caller, object_id=email, detail={"role": role})
    return invitation, secret


def invitation_cancel(invitation: Invitation, *, caller: Caller) -> None:
    """Take an open invitation back; its e-mail stops working."""
    caller.require("members:write")
    audit_record("invitation.cancelled", caller=caller, object_id=invitation.email)
    invitation.delete()


def invitation_open(secret: str) -> Invitation:
    """Return the open invitation this secret belongs to; raises ``NotFound``."""
    with system_scope("an invitation's secret is what tells us the tenant"):
        found = (
            Invitation.objects.select_related("tenant")
            .filter(secret_sha256=_sha256(secret), accepted_at=None, expires_at__gt=timezone.now())
            .first()
        )
    if found is None:
        raise NotFound(_("This invitation has expired or was replaced. Ask for a new one."))
    return found


def invitation_accept(secret: str, *, user: User) -> Member:
    """Make the user a member as the invitation says; only the invited address may accept."""
    invitation = invitation_open(secret)
    if invitation.email != user.email.lower():
        raise NotFound(_("This invitation is for another e-mail address."))
    with tenant_scope(invitation.tenant_id), transaction.atomic():
        member, _new = Member.objects.get_or_create(
            tenant=invitation.tenant, user=user, defaults={"role": invitation.role}
        )
        Invitation.objects.filter(pk=invitation.pk).update(accepted_at=timezone.now())
        AuditEntry.objects.create(
            tenant=invitation.tenant,
            action="member.joined",
            actor=user.email,
            object_id=user.email,
            detail={"role": member.role},
        )
    return member


def member_role_set(member: Member, *, role: str, caller: Caller) -> Member:
    """Change a member's role; the last owner stays an owner."""
    caller.require("members:write")
    _check_role(role, caller=caller)
    with transaction.atomic():
        _keep_an_owner(member, caller=caller, leaves=role != Role.OWNER)
        member.role = role
        member.save(update_fields=["role"])
        audit_record(
            "member.role_set", caller=caller, object_id=member.user.email, detail={"role": role}
        )
    return member


def member_job_mail_set(member: Member, *, job_mail: str) -> Member:
    """Choose after which of the tenant's jobs a member gets an e-mail; a member's own matter."""
    member.job_mail = Member.JobMail(job_mail)
    member.save(update_fields=["job_mail"])
    return member


def member_remove(member: Member, *, caller: Caller) -> None:
    """Take a member's place away; the last owner stays."""
    caller.require("members:write")
    with transaction.atomic():
        _keep_an_owner(member, caller=caller, leaves=True)
        audit_record("member.removed", caller=caller, object_id=member.user.email)
        member.delete()


def api_key_create(
    name: str,
    *,
    caller: Caller,
    scopes: Iterable[str] = ("infer",),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; return it with its secret, which is never to be had again."""
    caller.require("keys:write")
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in KEY_SCOPES]
    if unknown or not wanted:
        raise InvalidRequest(
            f"Choose scopes from: {', '.join(KEY_SCOPES)}.", code="unknown_scope", param="scopes"
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidRequest(_("The expiry must lie in the future."), param="expires_at")
    secret = keys.key_secret_new()
    key = ApiKey.objects.create(
        tenant=caller.tenant,
        name=name.strip() or "key",
        hint=f"{secret[:11]}…{secret[-4:]}",
        secret_sha256=keys.key_sha256(secret),
        scopes=wanted,
        created_by=caller.user,
        expires_at=expires_at,
    )
    audit_record("api_key.created", caller=caller, object_id=key.id, detail={"scopes": wanted})
    return key, secret


def api_key_revoke(key: ApiKey, *, caller: Caller) -> ApiKey:
    """End a key: at once here, within a second on every process. A second call changes nothing."""
    caller.require("keys:write")
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        audit_record("api_key.revoked", caller=caller, object_id=key.id)
    keys.keys_forget()
    return key


def audit_record(
    action: str, *, caller: Caller, object_id: str = "", detail: Mapping[str, Any] | None = None
) -> AuditEntry:
    """Write one line of the tenant's audit log, in the caller's transaction."""
    return AuditEntry.objects.create(
        tenant=caller.tenant,
        action=action,
        actor=caller.actor,
        object_id=object_id,
        detail=dict(detail or {}),
    )


def operator_record(
    action: str,
    *,
    tenant: Tenant,
    actor: str,
    object_id: str,
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write an act of the operator's into the tenant's own log."""
    return AuditEntry.objects.create(
        tenant=tenant, action=action, actor=actor, object_id=object_id, detail=dict(detail or {})
    )


def _one_line(name: str) -> str:
    """A name stands in the subject of e-mails, where a line break is an error."""
    return " ".join(name.split())


def _free_slug(name: str) -> str:
    base = slugify(name)[:40] or "org"
    if not Tenant.objects.filter(slug=base).exists():
        return base
    return f"{base}-{new_id('')[-6:]}"


def _check_role(role: str, *, caller: Caller) -> None:
    if role not in Role.values:
        raise InvalidRequest(f"Choose a role from: {', '.join(Role.values)}.", param="role")
    if role == Role.OWNER and caller.role not in (None, Role.OWNER):
        raise InvalidRequest(_("Only an owner can make another owner."), param="role")


def _keep_an_owner(member: Member, *, caller: Caller, leaves: bool) -> None:
    if member.role != Role.OWNER or not leaves:
        return
    if caller.role not in (None, Role.OWNER):
        raise Conflict(_("Only an owner can change another owner."))
    # Locked, so that two owners cannot remove each other at the same moment.
    owners = list(Member.objects.select_for_update().filter(role=Role.OWNER))
    if len(owners) == 1:
        raise Conflict(_("An organisation needs an owner. Make somebody else owner first."))


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
