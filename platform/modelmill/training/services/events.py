"""The lines, curve points and samples that a customer reads about a job."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models.functions import Now

from modelmill.core.models import Blob
from modelmill.training.models import JobEvent, event_id
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

    In the caller's transaction, which holds the job's lease.
    """
    drafts = list(drafts)
    JobEvent.objects.bulk_create(
        (
            JobEvent(
                id=draft.id,
                tenant_id=tenant_id,
                job_id=job_id,
                kind=draft.kind,
                message=draft.message,
                code=draft.code,
                level=draft.level,
                step=draft.step,
                values=draft.values,
                blob=draft.blob,
                created_at=Now(),
            )
            for draft in drafts
        ),
        ignore_conflicts=True,
    )
    metrics = [(one.step, one.values) for one in drafts if one.kind == JobEvent.Kind.METRICS]
    points_write(metrics, job_id=job_id, tenant_id=tenant_id)


def event_say(
    said: Said | str, *, job_id: str, tenant_id: str, level: str = "info", **values: Any
) -> None:
    """Store one line of text, in the caller's transaction: a code with its values, or words."""
    draft = draft_of(said, values, level=level)
    events_write([draft], job_id=job_id, tenant_id=tenant_id)
