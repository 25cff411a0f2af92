"""The lines, curve points and samples that a customer reads about a job."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models.functions import Now

from modelmill.core.models import Blob
from modelmill.training.models import JobEvent, event_id
from modelmill.training.services.points import points_write


@dataclass(frozen=True, kw_only=True)
class EventDraft:
    """An event that is not stored yet. Its id is fixed, so storing it twice stores it once."""

    kind: str = JobEvent.Kind.MESSAGE
    message: str = ""
    level: str = "info"
    step: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    blob: Blob | None = None
    id: str = field(default_factory=event_id)


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


def event_say(message: str, *, job_id: str, tenant_id: str, level: str = "info") -> None:
    """Store one line of text, in the caller's transaction."""
    draft = EventDraft(message=message, level=level)
    events_write([draft], job_id=job_id, tenant_id=tenant_id)
