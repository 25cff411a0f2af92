"""The lines, curve points and samples that a customer reads about a job."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from modelmill.core.models import Blob
from modelmill.training.models import Job, JobEvent, event_id
from modelmill.training.sayings import Said, sentence_english
from modelmill.training.services.points import points_write


@dataclass(frozen=True, kw_only=True)
class EventDraft:
    """An event that is not stored yet. Its id is fixed, so storing it twice stores it once."""

    kind: str = JobEvent.Kind.MESSAGE
    message: str = ""
    code: str = ""
    level: str = "info"
    step: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    blob: Blob | None = None
    id: str = field(default_factory=event_id)


def draft_of(
    said: Said | str, values: Mapping[str, Any], *, level: str, step: int = 0
) -> EventDraft:
    """Return a line that is not stored yet: a code with its values, or words as they are."""
    if not isinstance(said, Said):
        return EventDraft(message=said, level=level, step=step)
    words = sentence_english(said, values)
    return EventDraft(message=words, code=said.value, values=dict(values), level=level, step=step)


def events_write(drafts: Iterable[EventDraft], *, job_id: str, tenant_id: str) -> None:
    """Store events in their order, and metrics as points of the curves, too.

    In the caller's transaction, which holds the job's lease. As many queries for one as for many.
    """
    drafts = list(drafts)
    if not drafts:
        return
    with transaction.atomic(savepoint=False):
        seq = _seq_take(job_id, count=len(drafts))
        # Under the job's lock, so that nobody stores the same at this moment.
        stored = JobEvent.objects.only("pk").in_bulk([draft.id for draft in drafts])
        rows = (
            _row(draft, seq=seq + at, job_id=job_id, tenant_id=tenant_id)
            for at, draft in enumerate(drafts)
            if draft.id not in stored
        )
        JobEvent.objects.bulk_create(rows)
    metrics = [(one.step, one.values) for one in drafts if one.kind == JobEvent.Kind.METRICS]
    points_write(metrics, job_id=job_id, tenant_id=tenant_id)


def event_say(
    said: Said | str, *, job_id: str, tenant_id: str, level: str = "info", **values: Any
) -> None:
    """Store one line of text: a code with its values, or words.

    In the caller's transaction, which then holds the job's lock to its end.
    """
    draft = draft_of(said, values, level=level)
    with transaction.atomic(savepoint=False):
        seq = _seq_take(job_id, count=1)
        _row(draft, seq=seq, job_id=job_id, tenant_id=tenant_id).save(force_insert=True)


def _seq_take(job_id: str, *, count: int) -> int:
    """Take numbers for so many events, and the job's lock with them; return the first.

    The lock ends with the commit. So whoever reads a number has all before it to be read, too,
    whenever and by whatever clock the events were drafted.
    """
    rows = Job.objects.filter(pk=job_id)
    rows.update(events_count=F("events_count") + count)
    return rows.values_list("events_count", flat=True).get() - count + 1


def _row(draft: EventDraft, *, seq: int, job_id: str, tenant_id: str) -> JobEvent:
    return JobEvent(
        id=draft.id,
        tenant_id=tenant_id,
        job_id=job_id,
        seq=seq,
        kind=draft.kind,
        message=draft.message,
        code=draft.code,
        level=draft.level,
        step=draft.step,
        values=draft.values,
        blob=draft.blob,
        created_at=Now(),
    )
