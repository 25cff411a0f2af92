"""The webhooks' deliveries, and the sweep that finds those that are due."""

from celery import shared_task
from modelmill.core.killpoints import killpoint
from modelmill.core.scope import tenant_scope
from modelmill.tenants.webhooks.delivering import (
    deliveries_prune,
    deliveries_ring,
    delivery_claim,
    delivery_record,
)
from modelmill.tenants.webhooks.services import DELIVER_TASK

from workers.webhooks import delivery_try

EVERY_S = {"workers.tasks.webhooks.sweep": 5.0, "workers.tasks.webhooks.prune": 3600.0}


@shared_task(name=DELIVER_TASK)
def deliver(delivery_id: str, tenant_id: str) -> None:
    """Try a delivery once, unless another worker has it."""
    with tenant_scope(tenant_id):
        delivery = delivery_claim(delivery_id)
        if delivery is not None:
            killpoint("webhook.claimed")
            tried = delivery_try(delivery)
            killpoint("webhook.sent")
            delivery_record(delivery, tried)


@shared_task(name="workers.tasks.webhooks.sweep")
def sweep() -> int:
    """Ring for what is due."""
    return deliveries_ring()


@shared_task(name="workers.tasks.webhooks.prune")
def prune() -> int:
    """Forget what was delivered long ago."""
    return deliveries_prune()
