"""The tenants room's reads."""

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from modelmill.core.errors import NotFound
from modelmill.core.scope import system_scope
from modelmill.tenants.callers import Caller, caller_for_member
from modelmill.tenants.models import ApiKey, AuditEntry, Invitation, Member, Tenant, User
from modelmill.tenants.permissions import Role


def tenants_of_user(user: User) -> list[Tenant]:
    """Return the tenants a user has a place in, by name."""
    with system_scope("a user's own tenants, before one is chosen"):
        members = Member.objects.select_related("tenant").filter(user=user)
        return sorted((member.tenant for member in members), key=lambda tenant: tenant.name)


def tenant_is_suspended(tenant_id: str) -> bool:
    """Say whether the operator lets a tenant begin nothing."""
    return Tenant.objects.filter(pk=tenant_id, state=Tenant.State.SUSPENDED).exists()


def tenant_is_first(tenant_id: str) -> bool:
    """Say whether none of the tenant's owners owned another one before it."""
    with system_scope("an owner's tenants are counted across tenants"):
        owners = Member.objects.filter(tenant_id=tenant_id, role=Role.OWNER).values("user_id")
        created_at = Tenant.objects.get(pk=tenant_id).created_at
        return not Member.objects.filter(
            user_id__in=list(owners.values_list("user_id", flat=True)),
            role=Role.OWNER,
            tenant__created_at__lt=created_at,
        ).exists()


def member_of_user(user: User) -> Member:
    """Return the user's place in the tenant in scope, or raise ``NotFound``."""
    member = Member.objects.filter(user=user).first()
    if member is None:
        raise NotFound("You have no place in this organisation.")
    return member


def job_mail_wanted(*, has_failed: bool) -> list[str]:
    """Return the addresses of the tenant's members who want to hear of a job that ended so."""
    wanted = [Member.JobMail.ENDED, *([Member.JobMail.FAILED] if has_failed else [])]
    rows = Member.objects.filter(job_mail__in=wanted, user__is_active=True)
    return list(rows.order_by("pk").values_list("user__email", flat=True))


def caller_for_user(user: User, *, tenant_id: str) -> Caller:
    """Return who this user is in this tenant; raises ``NotFound`` when they have no place there."""
    with system_scope("the membership is what opens the scope"):
        member = (
            Member.objects.select_related("tenant", "user")
            .filter(user=user, tenant_id=tenant_id)
            .first()
        )
    if member is None:
        raise NotFound("You are not a member of this organisation.")
    return caller_for_member(member)


def member_list() -> QuerySet[Member]:
    """Return the members in scope, oldest first."""
    return Member.objects.select_related("user").order_by("created_at", "id")


def access_member(member_id: int | str) -> Member:
    """Return one member in scope, or raise ``NotFound``."""
    member = Member.objects.select_related("user", "tenant").filter(pk=member_id).first()
    if member is None:
        raise NotFound("There is no such member.")
    return member


def invitation_list() -> QuerySet[Invitation]:
    """Return the invitations in scope that nobody accepted yet, newest first."""
    return Invitation.objects.filter(accepted_at=None).order_by("-created_at")


def access_invitation(invitation_id: str) -> Invitation:
    """Return one open invitation in scope, or raise ``NotFound``."""
    invitation = invitation_list().filter(pk=invitation_id).first()
    if invitation is None:
        raise NotFound("There is no such invitation.")
    return invitation


def api_key_list() -> QuerySet[ApiKey]:
    """Return the keys in scope, the newest first."""
    return ApiKey.objects.select_related("created_by").order_by("-created_at")


def access_api_key(key_id: str) -> ApiKey:
    """Return one key in scope, or raise ``NotFound``."""
    key = ApiKey.objects.filter(pk=key_id).first()
    if key is None:
        raise NotFound("There is no such API key.")
    return key


def audit_list() -> QuerySet[AuditEntry]:
    """Return the audit log in scope, newest first."""
    return AuditEntry.objects.order_by("-at", "-id")


def tenant_list_all(*, search: str = "") -> QuerySet[Tenant]:
    """Return every tenant, newest first, for the operator; ``search`` looks at name, slug, id."""
    found = Tenant.objects.annotate(member_count=_member_count()).order_by("-created_at", "-id")
    if search:
        found = found.filter(Q(name__icontains=search) | Q(slug__icontains=search) | Q(id=search))
    return found


def access_tenant(tenant_id: str) -> Tenant:
    """Return any tenant, for the operator, or raise ``NotFound``."""
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        raise NotFound("There is no such organisation.")
    return tenant


def _member_count() -> Coalesce:
    members = Member.objects.filter(tenant=OuterRef("pk")).order_by().values("tenant")
    counted = members.annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
