"""Predictions: one is worked on when it rings; the sweep rings again for what was missed."""

from celery import shared_task
from modelmill.inference.forgetting import predictions_expire
from modelmill.inference.sweeping import predictions_sweep

from workers.serving import prediction_serve

EVERY_S = {"workers.tasks.inference.sweep": 5.0, "workers.tasks.inference.expire": 3600.0}


@shared_task(name="workers.tasks.inference.predict")
def predict(prediction_id: str, tenant_id: str, version_id: str) -> None:
    """Work on one prediction; a second ring for the same one does nothing."""
    prediction_serve(prediction_id, tenant_id=tenant_id, version_id=version_id)


@shared_task(name="workers.tasks.inference.sweep")
def sweep() -> int:
    """Ring again for what waits, and end what was lost."""
    return predictions_sweep()


@shared_task(name="workers.tasks.inference.expire")
def expire() -> int:
    """Delete the inputs and outputs that are older than the installation keeps."""
    return predictions_expire()
