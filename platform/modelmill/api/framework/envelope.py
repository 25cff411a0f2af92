"""Errors as OpenAI's clients read them: ``{"error": {message, type, param, code}}``."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from modelmill.api.framework.refusals import refusal_of
from modelmill.core import errors

logger = structlog.get_logger(__name__)


def error_body(error: errors.MillError) -> dict[str, Any]:
    """Return the envelope of one error."""
    return {
        "error": {
            "message": str(error.message),
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
    }


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response | None:
    """Answer any error a view raised; None lets Django answer with a logged 500."""
    error = to_mill_error(exception)
    if error is None:
        return None
    return Response(error_body(error), status=error.status, headers=error.headers)


def error_response(error: errors.MillError) -> JsonResponse:
    """Answer an error that happened outside a view."""
    return JsonResponse(error_body(error), status=error.status, headers=error.headers)


def to_mill_error(exception: Exception) -> errors.MillError | None:
    """Translate what Django and DRF raise; None for what nobody expected."""
    if isinstance(exception, errors.MillError):
        return exception
    if isinstance(exception, Http404):
        return errors.NotFound("There is nothing here.")
    if isinstance(exception, DjangoPermissionDenied):
        return errors.PermissionDenied("You may not do this.")
    if isinstance(exception, RequestDataTooBig):
        return errors.PayloadTooLarge("The body is too large. Send big data through /v1/files.")
    if isinstance(exception, drf.ValidationError):
        return refusal_of(exception)
    if isinstance(exception, drf.APIException):
        return _from_drf(exception)
    return None


def _from_drf(exception: drf.APIException) -> errors.MillError:
    if isinstance(exception, drf.ParseError):
        if "multipart" in str(exception.detail).lower():
            return errors.InvalidRequest("The form could not be read.", code="invalid_form")
        return errors.InvalidRequest("The body is not valid JSON.", code="invalid_json")
    error = errors.InvalidRequest(str(exception.detail), code=str(exception.default_code))
    error.status = exception.status_code
    return error


def is_api(request: HttpRequest) -> bool:
    """Say whether a request came to the JSON door."""
    return request.path.startswith("/v1/") or request.path == "/v1"
