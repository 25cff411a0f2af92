"""The inference room's reads."""

from django.db.models import QuerySet

from modelmill.core.errors import NotFound
from modelmill.core.models import Blob
from modelmill.inference.models import Prediction


def prediction_list(*, model: str = "", state: str = "") -> QuerySet[Prediction]:
    """Return the predictions in scope, newest first, of one model or state if given."""
    rows = Prediction.objects.order_by("-pk")
    if model:
        rows = rows.filter(model_name=model)
    return rows.filter(state=state) if state else rows


def access_prediction(prediction_id: str) -> Prediction:
    """Return one prediction in scope, or raise ``NotFound``."""
    found = Prediction.objects.filter(pk=prediction_id).first()
    if found is None:
        raise NotFound("There is no such prediction.")
    return found


def prediction_output_blob(prediction: Prediction, *, index: int) -> Blob:
    """Return the stored bytes of one output, or raise ``NotFound`` where there are none."""
    outputs = prediction.outputs
    blob_id = outputs[index].get("blob_id") if 0 <= index < len(outputs) else None
    found = Blob.objects.filter(pk=blob_id).first() if blob_id else None
    if found is None:
        raise NotFound("There is no such output.")
    return found
