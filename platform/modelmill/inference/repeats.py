"""The same request a second time: found by its idempotency key for a day."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from modelmill.core.errors import InvalidRequest
from modelmill.inference.models import Prediction

KEPT = timedelta(hours=24)
_MAX_KEY = 255


def request_sha256(request: dict[str, Any]) -> str:
    """Return what tells two requests apart."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prediction_repeated(key: str | None, *, sha256: str) -> Prediction | None:
    """Return the prediction that this key already made within a day.

    Raises ``InvalidRequest`` for a key that is too long, or was used for
    another request. A key older than a day is taken from its row and is free.
    """
    if not key:
        return None
    if len(key) > _MAX_KEY:
        raise InvalidRequest(
            f"The Idempotency-Key is longer than {_MAX_KEY} characters.",
            param="idempotency_key",
        )
    rows = Prediction.objects.filter(idempotency_key=key)
    rows.filter(created_at__lt=Now() - KEPT).update(idempotency_key=None)
    found = rows.first()
    if found is not None and found.request_sha256 != sha256:
        raise InvalidRequest(
            "This Idempotency-Key was used for another request. Use a new key for each request.",
            code="idempotency_key_reused",
            param="idempotency_key",
        )
    return found
