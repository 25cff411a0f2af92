"""The base of every endpoint: authenticates, opens the tenant's scope, checks the permission."""

from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.views import APIView

from modelmill.api.framework.metered import request_afford, request_count
from modelmill.core.errors import InvalidRequest
from modelmill.core.scope import LateScope
from modelmill.tenants.callers import Caller

_REFUSED = 400


class TenantView(APIView):
    """An endpoint of one tenant. ``permissions`` maps each method to what it takes.

    The scope lasts until the handler returns; a streaming answer opens its own.
    """

    permissions: ClassVar[dict[str, str]] = {}
    # False for what ends costs; what deletes, or tells of money, never needs any.
    needs_credit: ClassVar[bool] = True

    caller: Caller

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the request with the tenant's scope open around the handler."""
        with LateScope() as self._scope:
            response = super().dispatch(request, *args, **kwargs)
            if response.status_code < _REFUSED:
                request_count(self.caller)
            return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, open the scope, and check the permission, before the handler."""
        super().initial(request, *args, **kwargs)
        _refuse_nul(request, kwargs)
        caller = request.auth
        assert isinstance(caller, Caller)
        self.caller = caller
        self._scope.open(caller.tenant.id)
        needed = self.permissions.get("GET" if request.method == "HEAD" else str(request.method))
        if needed is not None:
            caller.require(needed)
        is_way_out = request.method == "DELETE" or needed == "billing:read"
        if self.needs_credit and not is_way_out:
            request_afford(caller)


def is_retry(request: Request) -> bool:
    """Say whether OpenAI's client repeats a POST whose answer it missed: it says only this."""
    return bool(request.headers.get("x-stainless-retry-count", "0") != "0")


def content_length(request: Request) -> int:
    """Return the size a request announces of its body, 0 when it announces none."""
    given = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(given) if given.isascii() and given.isdigit() else 0


def _refuse_nul(request: Request, kwargs: dict[str, Any]) -> None:
    """Answer what no stored text can hold, before PostgreSQL does so with an exception."""
    given = list(kwargs.values())
    if request._request.META.get("QUERY_STRING"):
        given += [*request.query_params, *request.query_params.values()]
    if any("\0" in str(value) for value in given):
        raise InvalidRequest("The URL has a NUL character in it.")
