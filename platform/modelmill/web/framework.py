"""The wrapper of every page inside a tenant: who asks, what they may, whose rows are seen."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from zoneinfo import ZoneInfo

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from modelmill.core import errors
from modelmill.core.scope import tenant_scope
from modelmill.tenants.callers import Caller
from modelmill.tenants.models import Tenant, User
from modelmill.tenants.selectors import caller_for_user, tenants_of_user

# The API reads it too, for requests that come from our own pages.
SESSION_TENANT = "tenant_id"
_READS = ("GET", "HEAD", "OPTIONS")

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """A request inside a tenant, as page functions receive it."""

    user: User  # type: ignore[assignment]
    caller: Caller
    htmx: Any


View = Callable[Concatenate[PageRequest, P], HttpResponseBase]
Page = Callable[..., HttpResponseBase]


def tenant_page(*, read: str = "", write: str = "") -> Callable[[View[P]], Page]:
    """Wrap a page: log-in, the session's tenant, permissions, the tenant's scope and time zone.

    ``read`` is needed for every request, ``write`` for those that change
    something. A ``NotFound`` from a selector becomes the 404 page, a
    ``PermissionDenied`` the 403 page, any other ``MillError`` a page with its
    sentence and status; a page that can say more catches it itself. Code that
    streams after the function returned must open the scope again.
    """

    def wrap(view: View[P]) -> Page:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return _to_login(request)
            caller = _caller(request, request.user)
            if caller is None:
                return redirect("web:welcome")
            page_request = cast(PageRequest, request)
            page_request.caller = caller
            with (
                tenant_scope(caller.tenant.id),
                timezone.override(ZoneInfo(caller.tenant.time_zone)),
            ):
                try:
                    for permission in _needed(request, read=read, write=write):
                        caller.require(permission)
                    if request.method not in _READS:
                        _check_active(caller)
                    return view(page_request, *args, **kwargs)
                except errors.NotFound as error:
                    raise Http404(error.message) from error
                except errors.PermissionDenied as error:
                    raise DjangoPermissionDenied(error.message) from error
                except errors.MillError as error:
                    return error_page(request, error)

        return wrapped

    return wrap


def error_page(request: HttpRequest, error: errors.MillError) -> HttpResponse:
    """Show a customer's error that no form could take, with its status."""
    return render(request, "errors/problem.html", {"message": error.message}, status=error.status)


def tenant_enter(request: HttpRequest, tenant: Tenant) -> None:
    """Make this the session's tenant from the next page on."""
    request.session[SESSION_TENANT] = tenant.pk


def _needed(request: HttpRequest, *, read: str, write: str) -> list[str]:
    wanted = [read] if request.method in _READS else [read, write]
    return [permission for permission in wanted if permission]


def _check_active(caller: Caller) -> None:
    if caller.tenant.state == Tenant.State.SUSPENDED:
        raise errors.PermissionDenied("This organisation is suspended.", code="tenant_suspended")


def _caller(request: HttpRequest, user: User) -> Caller | None:
    chosen = request.session.get(SESSION_TENANT)
    if chosen:
        try:
            return caller_for_user(user, tenant_id=chosen)
        except errors.NotFound:
            # Removed from that tenant since; fall back to another of theirs.
            del request.session[SESSION_TENANT]
    tenants = tenants_of_user(user)
    if not tenants:
        return None
    tenant_enter(request, tenants[0])
    return caller_for_user(user, tenant_id=tenants[0].pk)


def _to_login(request: HttpRequest) -> HttpResponse:
    response = redirect_to_login(request.get_full_path(), login_url="account_login")
    if request.headers.get("HX-Request"):
        # htmx would put the log-in page into a corner of this one.
        return HttpResponse(headers={"HX-Redirect": response.url})
    return response
