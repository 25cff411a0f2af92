"""The caller of a request: a person in a tenant, or a tenant's program."""

from dataclasses import dataclass

from modelmill.core.errors import PermissionDenied
from modelmill.tenants.models import Member, Tenant, User
from modelmill.tenants.permissions import ROLE_PERMISSIONS


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, for which tenant, and what they may do."""

    tenant: Tenant
    permissions: frozenset[str]
    user: User | None = None
    role: str | None = None
    api_key_id: str = ""
    api_key_name: str = ""

    @property
    def actor(self) -> str:
        """Name the caller for the audit log and for lineage."""
        if self.user is not None:
            return self.user.email
        return f"API key {self.api_key_name} ({self.api_key_id})" if self.api_key_id else "system"

    def may(self, permission: str) -> bool:
        """Say whether the caller has this permission."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise ``PermissionDenied`` unless the caller has this permission."""
        if not self.may(permission):
            said = (
                f"This API key does not have the permission {permission!r}. "
                "Make one that has it under API keys."
                if self.api_key_id
                else f"Your role does not have the permission {permission!r}. "
                "Ask an owner or admin of your organisation for it."
            )
            raise PermissionDenied(said, code="missing_permission")


def caller_for_member(member: Member) -> Caller:
    """Return the caller that a logged-in member is."""
    return Caller(
        tenant=member.tenant,
        user=member.user,
        role=member.role,
        permissions=ROLE_PERMISSIONS[member.role],
    )


def caller_system(tenant: Tenant) -> Caller:
    """Return the installation itself, acting for a tenant."""
    from modelmill.tenants.permissions import PERMISSIONS

    return Caller(tenant=tenant, permissions=frozenset(PERMISSIONS))
