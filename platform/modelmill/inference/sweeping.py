"""What time does to predictions: waiting ones are rung again, lost ones end."""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from modelmill.core.scope import system_scope, tenant_scope
from modelmill.inference.lifecycle import MAX_ATTEMPTS, prediction_fail
from modelmill.inference.models import Prediction
from modelmill.inference.services import prediction_ring

RING_AGAIN = timedelta(seconds=5)
_MAX_AT_ONCE = 100

State = Prediction.State


def predictions_sweep() -> int:
    """Ring for what waits, end what cannot be tried again; return how many were touched.

    Safe to run anywhere, at any time, twice at once.
    """
    with system_scope("the sweep serves every tenant"):
        lost = Q(state=State.RUNNING, lease_until__lt=Now())
        waiting = Q(state=State.QUEUED) | lost
        due = list(
            Prediction.objects.filter(waiting, rung_at__lt=Now() - RING_AGAIN)
            .order_by("rung_at")
            .defer("inputs", "outputs", "parameters")[:_MAX_AT_ONCE]
        )
        Prediction.objects.filter(pk__in=[row.pk for row in due]).update(rung_at=Now())
    for row in due:
        if row.state == State.RUNNING and (row.is_streamed or row.attempt >= MAX_ATTEMPTS):
            with tenant_scope(row.tenant_id):
                prediction_fail(
                    row,
                    code="worker_lost",
                    message="The machine that worked on this was lost. Please send it again.",
                )
        else:
            prediction_ring(row)
    return len(due)
