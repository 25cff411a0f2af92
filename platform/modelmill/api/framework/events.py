"""Server-sent events as OpenAI's client reads them.

Data only: an ``id:`` or ``retry:`` line, or a named ping, makes that client
stumble (openai-python #2722), so the sign of life is a comment.
"""

import json
from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse

from modelmill.api.framework.envelope import error_body
from modelmill.core.errors import MillError

PING = b": ping\n"
DONE = b"data: [DONE]\n\n"


def event(data: dict[str, Any]) -> bytes:
    """Encode one event."""
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def error_event(error: MillError) -> bytes:
    """Encode a failure in the middle of a stream, whose status is sent already."""
    return event(error_body(error))


def event_response(events: Iterator[bytes], *, headers: dict[str, str]) -> StreamingHttpResponse:
    """Answer with a stream of events, which no proxy on the way shall hold back."""
    return StreamingHttpResponse(
        events,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **headers},
    )
