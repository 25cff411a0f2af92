"""Inputs and outputs taken away, by the customer or by time; what it cost stays on record."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from modelmill.core.errors import Conflict
from modelmill.core.models import Blob
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.core.storage import blob_release
from modelmill.inference.models import Prediction
from modelmill.tenants.callers import Caller

_MAX_AT_ONCE = 500


def prediction_forget(prediction: Prediction, *, caller: Caller) -> None:
    """Delete what went in and came out; a second call does nothing.

    Raises ``PermissionDenied``, and ``Conflict`` while it is still under way.
    """
    caller.require("infer")
    if not prediction.is_final:
        raise Conflict(_("This prediction is not over yet. Cancel it first."))
    _forget(prediction)


def predictions_expire() -> int:
    """Forget what is older than the installation keeps; return how many that were."""
    if settings.OUTPUT_KEEP_DAYS <= 0:
        return 0
    oldest = Now() - timedelta(days=settings.OUTPUT_KEEP_DAYS)
    with system_scope("time passes for every tenant"):
        rows = Prediction.objects.filter(forgotten_at=None, finished_at__lt=oldest)
        old = list(rows.order_by("finished_at")[:_MAX_AT_ONCE])
    for row in old:
        with tenant_scope(row.tenant_id):
            _forget(row)
    return len(old)


def outputs_count(blob_ids: Iterable[str]) -> Counter[str]:
    """Count how many predictions hold each of these blobs as an output, in system scope."""
    wanted, counts = set(blob_ids), Counter[str]()
    held = Prediction.objects.filter(outputs__icontains='"blob_id"')
    for outputs in held.values_list("outputs", flat=True).iterator():
        named = (output.get("blob_id") for output in outputs)
        counts.update(blob_id for blob_id in named if blob_id in wanted)
    return counts


def _forget(prediction: Prediction) -> None:
    with transaction.atomic():
        rows = Prediction.objects.filter(pk=prediction.pk, forgotten_at=None)
        if not rows.update(forgotten_at=Now(), inputs=[], outputs=[], idempotency_key=None):
            return
        for output in prediction.outputs:
            if "blob_id" in output:
                blob_release(Blob.objects.get(pk=output["blob_id"]))
