"""What a caller may do: one list of permissions, and what each role and key gets of it."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

PERMISSIONS: Final = (
    "data:read",
    "data:write",
    "jobs:read",
    "jobs:write",
    "models:read",
    "models:write",
    # Not of reading: who may use a model need not have its weights.
    "models:download",
    "infer",
    "billing:read",
    "billing:write",
    "members:write",
    "keys:write",
    "webhooks:read",
    "webhooks:write",
)

# People decide who comes in and what is paid; a program's key never does.
KEY_SCOPES: Final = (
    "data:read",
    "data:write",
    "jobs:read",
    "jobs:write",
    "models:read",
    "models:write",
    "models:download",
    "infer",
    "billing:read",
    "webhooks:read",
    "webhooks:write",
)

_READ = frozenset(p for p in PERMISSIONS if p.endswith(":read"))
_WORK = _READ | {"data:write", "jobs:write", "models:write", "models:download", "infer"}


class Role(models.TextChoices):
    """A member's role in a tenant."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    BILLING = "billing", _("Billing")
    VIEWER = "viewer", _("Viewer")


ROLE_PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    Role.OWNER: frozenset(PERMISSIONS),
    Role.ADMIN: frozenset(PERMISSIONS) - {"billing:write"},
    Role.MEMBER: _WORK - {"billing:read"},
    Role.BILLING: frozenset({"billing:read", "billing:write"}),
    Role.VIEWER: _READ - {"billing:read", "webhooks:read"},
}
