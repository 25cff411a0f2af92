"""What every page's frame shows: the operator's name, the tenant, the way around, the theme."""

from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from modelmill.billing.payment_texts import payment_guide
from modelmill.tenants.callers import Caller
from modelmill.tenants.models import Tenant, User
from modelmill.tenants.permissions import Role
from modelmill.tenants.selectors import tenants_of_user
from modelmill.web.assets import asset_url
from modelmill.web.navigation import Group, navigation_for

THEMES = ("light", "dark", "system")


class Shell:
    """The frame of one page; each part is worked out only when a template asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.operator_name: str = settings.OPERATOR_NAME
        self.operator_logo: str = settings.OPERATOR_LOGO_URL
        self.public_url: str = settings.PUBLIC_URL
        self.cockpit_url = "/cockpit"

    @cached_property
    def payment_guide(self) -> str:
        """How to add money, in the operator's words."""
        return payment_guide()

    @cached_property
    def theme(self) -> str:
        """The theme the reader chose, from their cookie."""
        chosen = self._request.COOKIES.get("theme", "system")
        return chosen if chosen in THEMES else "system"

    @property
    def mark_url(self) -> str:
        """Our own mark, where the operator set no logo."""
        return asset_url("assets/mark.svg")

    @property
    def caller(self) -> Caller | None:
        """Who is asking, on pages inside a tenant."""
        return getattr(self._request, "caller", None)

    @property
    def tenant(self) -> Tenant | None:
        """The tenant being looked at, on pages inside one."""
        return self.caller.tenant if self.caller else None

    @property
    def role_name(self) -> str:
        """The reader's role in the tenant, in their language."""
        role = self.caller.role if self.caller else None
        return str(Role(role).label) if role else ""

    @cached_property
    def tenants(self) -> list[Tenant]:
        """All tenants the reader has a place in."""
        user = self._request.user
        return tenants_of_user(user) if isinstance(user, User) else []

    @cached_property
    def navigation(self) -> list[Group]:
        """The side bar's links."""
        return navigation_for(self.caller, path=self._request.path) if self.caller else []

    @property
    def is_operator(self) -> bool:
        """Whether the reader may enter the cockpit."""
        return bool(getattr(self._request.user, "is_staff", False))


def shell_context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: gives every template ``shell``."""
    return {"shell": Shell(request)}
