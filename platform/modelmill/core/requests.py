"""A name for every request, in its answer and in every log line it causes."""

import re
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from modelmill.core.ids import new_id

_GIVEN = re.compile(r"[\w-]{8,64}")


class RequestIdMiddleware:
    """Give each request an id, or keep the one a proxy gave, and answer it as ``x-request-id``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request under its id."""
        given = request.headers.get("x-request-id", "")
        request_id = given if _GIVEN.fullmatch(given) else new_id("req")
        request.META["modelmill.request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["x-request-id"] = request_id
        return response
