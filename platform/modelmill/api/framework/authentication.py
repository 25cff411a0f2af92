"""Who asks: a tenant's API key, or a member logged in on the dashboard."""

from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from modelmill.core.errors import NotAuthenticated, NotFound, PermissionDenied
from modelmill.tenants.callers import Caller
from modelmill.tenants.keys import caller_for_key
from modelmill.tenants.models import Tenant
from modelmill.tenants.selectors import caller_for_user

SESSION_TENANT = "tenant_id"


class CallerAuthentication(BaseAuthentication):
    """Turn ``Authorization: Bearer mm_…``, or a dashboard session, into a ``Caller``."""

    def authenticate(self, request: Request) -> tuple[Any, Caller]:
        """Return (user or None, caller); raises ``NotAuthenticated`` when there is neither."""
        header = request._request.META.get("HTTP_AUTHORIZATION", "")
        if header:
            scheme, _, secret = header.partition(" ")
            if scheme.lower() != "bearer" or not secret:
                raise NotAuthenticated("Send your API key as 'Authorization: Bearer <key>'.")
            return None, caller_for_key(secret.strip())
        return self._from_session(request._request)

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that the answer is a 401."""
        return "Bearer"

    def _from_session(self, request: HttpRequest) -> tuple[Any, Caller]:
        user = getattr(request, "user", None)
        tenant_id = request.session.get(SESSION_TENANT) if hasattr(request, "session") else None
        if user is None or not user.is_authenticated or not tenant_id:
            raise NotAuthenticated("Send your API key as 'Authorization: Bearer <key>'.")
        _refuse_forgery(request)
        try:
            caller = caller_for_user(user, tenant_id=tenant_id)
        except NotFound:
            raise NotAuthenticated("You are no longer a member of this organisation.") from None
        _refuse_suspended(request, caller)
        return user, caller


class CallerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names the key."""

    target_class = CallerAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the bearer scheme."""
        return {"type": "http", "scheme": "bearer"}


def _refuse_forgery(request: HttpRequest) -> None:
    check = CsrfViewMiddleware(lambda _request: None)  # type: ignore[arg-type, return-value]
    check.process_request(request)
    if check.process_view(request, _never, (), {}) is not None:
        raise PermissionDenied("The CSRF token is missing or wrong. Reload the page.", code="csrf")


def _refuse_suspended(request: HttpRequest, caller: Caller) -> None:
    """Let people of a suspended tenant read, as on its pages; its keys open nothing at all."""
    if caller.tenant.state == Tenant.State.SUSPENDED and request.method not in SAFE_METHODS:
        raise PermissionDenied(
            "This organisation is suspended. Ask the operator.", code="tenant_suspended"
        )


def _never(request: HttpRequest) -> Any:
    raise AssertionError("only its csrf_exempt flag is read")
