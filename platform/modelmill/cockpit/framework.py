"""The wrapper of every operator's page: staff only, all tenants in sight."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from modelmill.core import errors
from modelmill.core.scope import system_scope
from modelmill.tenants.models import User

P = ParamSpec("P")


class OperatorRequest(HttpRequest):
    """A request by one of the operator's people."""

    user: User  # type: ignore[assignment]


View = Callable[Concatenate[OperatorRequest, P], HttpResponseBase]
Page = Callable[..., HttpResponseBase]

# (label, icon, URL name)
_LINKS: tuple[tuple[str | Promise, str, str], ...] = (
    (_("Overview"), "home", "cockpit:overview"),
    (_("Organisations"), "tenant", "cockpit:tenants"),
    (_("Plugins"), "plugin", "cockpit:plugins"),
    (_("Workers"), "worker", "cockpit:workers"),
    (_("Prices"), "wallet", "cockpit:prices"),
    (_("Revenue"), "usage", "cockpit:revenue"),
)


def operator_page(view: View[P]) -> Page:
    """Let staff in with every tenant in scope; for anybody else the page does not exist.

    A ``NotFound`` becomes the 404 page, any other ``MillError`` a page with its sentence.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), login_url="account_login")
        if not (isinstance(request.user, User) and request.user.is_staff):
            raise Http404
        with system_scope("the operator's cockpit"):
            try:
                return view(cast(OperatorRequest, request), *args, **kwargs)
            except errors.NotFound as error:
                raise Http404(error.message) from error
            except errors.MillError as error:
                said = {"message": error.message}
                return render(request, "errors/problem.html", said, status=error.status)

    return wrapped


def operator_render(
    request: OperatorRequest, template: str, context: dict[str, Any]
) -> HttpResponse:
    """Render a page with the cockpit's side bar."""
    links = [
        {
            "label": label,
            "icon": icon,
            "url": reverse(name),
            "is_current": _is_below(request.path, reverse(name)),
        }
        for label, icon, name in _LINKS
    ]
    return render(request, template, {"cockpit_links": links, **context})


def _is_below(path: str, link: str) -> bool:
    root = reverse("cockpit:overview")
    return path == link or (link != root and path.startswith(link + "/"))
