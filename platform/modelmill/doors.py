"""What both doors answer when no view could: the envelope for programs, a page for people."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import is_valid_path

from modelmill.api.framework.envelope import error_response, is_api
from modelmill.core import errors


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponseBase:
    """Answer a request that Django itself could not accept."""
    return _answer(request, errors.InvalidRequest("The request could not be read."))


def permission_denied(request: HttpRequest, exception: Any = None) -> HttpResponseBase:
    """Answer what the caller may not do."""
    return _answer(request, errors.PermissionDenied("You may not do this."))


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponseBase:
    """Answer a path that leads nowhere, or without the slash that account pages end with."""
    slashed = f"{request.path_info}/"
    is_read = request.method in ("GET", "HEAD") and not is_api(request)
    is_wanted = is_valid_path(slashed) and not is_valid_path(request.path_info)
    if is_read and not request.path_info.endswith("/") and is_wanted:
        return HttpResponseRedirect(request.get_full_path(force_append_slash=True))
    return _answer(request, errors.NotFound(f"There is nothing at {request.path}."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer a failure of ours; the log has the traceback under the same request id."""
    return _answer(
        request, errors.MillError("Something failed on our side. Please try again in a moment.")
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Answer a form that was sent without its token."""
    return _answer(
        request, errors.PermissionDenied("This form has expired. Reload the page.", code="csrf")
    )


def health(request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return HttpResponse("ok", content_type="text/plain")


def readiness(request: HttpRequest) -> HttpResponse:
    """Say whether the database answers: 200 or 503."""
    from django.db import DatabaseError, connection

    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("database away", status=503, content_type="text/plain")
    return HttpResponse("ok", content_type="text/plain")


def _answer(request: HttpRequest, error: errors.MillError) -> HttpResponseBase:
    if is_api(request):
        return error_response(error)
    return render(request, f"errors/{error.status}.html", {"error": error}, status=error.status)
