"""The worker's verbs: claim a prediction, keep it, finish it or fail it.

A claim is a compare-and-swap by the database's clock; whoever holds the fence
writes, everyone else is too late. Every function but ``predictions_renew``
runs inside the prediction's tenant scope.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from modelmill.core.killpoints import killpoint
from modelmill.core.scope import system_scope
from modelmill.inference.models import Prediction
from modelmill.inference.settling import reservation_settle, usage_settle
from modelmill.inference.streams import stream_end

MAX_ATTEMPTS = 3

State = Prediction.State


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a worker made of a prediction; ``counts`` is what the plugin counted."""

    outputs: list[dict[str, Any]]
    counts: dict[str, int] = field(default_factory=dict)
    model_state: str = ""
    load_ms: int = 0
    compute_ms: int = 0
    is_cancelled: bool = False


def prediction_claim(prediction_id: str, *, worker: str) -> Prediction | None:
    """Take a waiting prediction, or one whose worker was lost; None if it is not to be had.

    Half a stream was already read by somebody, so a lost one is not begun again.
    """
    lost = Q(state=State.RUNNING, lease_until__lt=Now(), is_streamed=False)
    rows = Prediction.objects.filter(pk=prediction_id, attempt__lt=MAX_ATTEMPTS)
    claimed = rows.filter(Q(state=State.QUEUED) | lost).update(
        state=State.RUNNING,
        attempt=F("attempt") + 1,
        fence=F("fence") + 1,
        lease_owner=worker,
        lease_until=_lease_end(),
        started_at=Now(),
    )
    if not claimed:
        return None
    return Prediction.objects.select_related("version__release").get(pk=prediction_id)


def predictions_renew(held: dict[str, int]) -> tuple[set[str], set[str]]:
    """Renew the leases of {prediction: fence}; return those lost and those asked to cancel."""
    with system_scope("one worker serves predictions of many tenants"):
        claims = Q()
        for prediction_id, fence in held.items():
            claims |= Q(pk=prediction_id, fence=fence)
        rows = Prediction.objects.filter(claims, state=State.RUNNING)
        rows.update(lease_until=_lease_end())
        kept = dict(rows.values_list("pk", "is_cancel_asked"))
    return held.keys() - kept.keys(), {key for key, is_asked in kept.items() if is_asked}


def prediction_finish(prediction: Prediction, *, outcome: Outcome) -> bool:
    """Store what came out and charge it, in one transaction; False if the lease was lost."""
    with transaction.atomic():
        if not _held(prediction).update(
            state=State.CANCELLED if outcome.is_cancelled else State.SUCCEEDED,
            outputs=outcome.outputs,
            model_state=outcome.model_state,
            load_ms=outcome.load_ms,
            compute_ms=outcome.compute_ms,
            finished_at=Now(),
        ):
            return False
        used, cost_micro = usage_settle(prediction, counts=outcome.counts)
        Prediction.objects.filter(pk=prediction.pk).update(usage=used, cost_micro=cost_micro)
        killpoint("predict.before_commit")
        transaction.on_commit(lambda: stream_end(prediction.id), robust=True)
    return True


def prediction_fail(
    prediction: Prediction, *, code: str, message: str, param: str | None = None
) -> bool:
    """End a prediction that did not work, at no charge; False if the lease was lost."""
    with transaction.atomic():
        if not _held(prediction).update(
            state=State.FAILED,
            error={"code": code, "message": message, "param": param},
            finished_at=Now(),
        ):
            return False
        reservation_settle(prediction, spent_micro=0)
        transaction.on_commit(lambda: stream_end(prediction.id), robust=True)
    return True


def _lease_end() -> Combinable:
    return Now() + timedelta(seconds=settings.PREDICTION_LEASE_S)


def _held(prediction: Prediction) -> QuerySet[Prediction]:
    """The row, if it is still this claim's."""
    return Prediction.objects.filter(pk=prediction.pk, fence=prediction.fence, state=State.RUNNING)
