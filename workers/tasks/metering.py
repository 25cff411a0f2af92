"""Metering's regular work: take in and sum what was used, look at what is stored."""

from celery import shared_task
from modelmill.metering.draining import usage_drain
from modelmill.metering.rolling import usage_roll_all
from modelmill.metering.sampling import storage_sample

EVERY_S = {
    "workers.tasks.metering.drain": 5.0,
    "workers.tasks.metering.roll": 5.0,
    "workers.tasks.metering.sample_storage": 60.0,
}


@shared_task(name="workers.tasks.metering.drain")
def drain() -> int:
    """Record what web processes of this machine have counted and died with."""
    return usage_drain()


@shared_task(name="workers.tasks.metering.roll")
def roll() -> int:
    """Add pending usage events to their hours."""
    return usage_roll_all()


@shared_task(name="workers.tasks.metering.sample_storage")
def sample_storage() -> int:
    """Record what each tenant stores in the current window."""
    return storage_sample()
