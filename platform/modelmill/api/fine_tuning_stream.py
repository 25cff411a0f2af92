"""A job watched live: server-sent events made from rows, so that a reload loses nothing.

Events: ``event`` (one job event, with its id for Last-Event-ID), ``job`` (the
job, whenever it changed), ``end`` (it is over). Our own stream, not one of
OpenAI's: those carry no names and no ids.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from modelmill.api.fine_tuning_shapes import event_shape, job_shape
from modelmill.api.framework.events import PING
from modelmill.core.scope import tenant_scope
from modelmill.training.selectors import access_job, job_events

# A reader comes back by itself; without an end, a closed laptop would hold a thread for ever.
LASTS_S = 300.0

_POLL_S = 1.0
_PING_S = 15.0
_BATCH = 500


def job_stream(job_id: str, *, tenant_id: str, after: str = "") -> Iterator[bytes]:
    """Yield what is new about a job until it is over or five minutes have passed.

    Starts behind the event ``after``, or with the first one. Holds neither a
    scope nor a transaction while it waits.
    """
    began_at = said_at = time.monotonic()
    shown = ""
    while time.monotonic() - began_at < LASTS_S:
        events, job, is_over = _look(job_id, tenant_id=tenant_id, after=after)
        for shape in events:
            after = shape["id"]
            yield _named("event", shape, event_id=after)
        text = json.dumps(job, sort_keys=True)
        if text != shown:
            shown = text
            yield _named("job", job)
        if is_over and len(events) < _BATCH:
            yield _named("end", {"status": job["status"]})
            return
        if events:
            said_at = time.monotonic()
        elif time.monotonic() - said_at >= _PING_S:
            said_at = time.monotonic()
            yield PING
        if len(events) < _BATCH:
            time.sleep(_POLL_S)


def _look(
    job_id: str, *, tenant_id: str, after: str
) -> tuple[list[dict[str, Any]], dict[str, Any], bool]:
    # The job first: when it is over now, every event of it is there to be read.
    with tenant_scope(tenant_id):
        job = access_job(job_id)
        shape = job_shape(job)
        events = [event_shape(row) for row in job_events(job, after=after)[:_BATCH]]
    return events, shape, job.is_over


def _named(name: str, data: dict[str, Any], *, event_id: str = "") -> bytes:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
