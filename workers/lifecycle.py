"""What every worker does besides tasks: looks around when it starts, shows that it lives, drains.

Connected by ``workers.celery``; nothing happens on import.
"""

from typing import Any

import structlog
from celery import Celery, bootsteps, signals
from django.conf import settings
from django.db import close_old_connections
from modelmill.core.doorbell import ring
from modelmill.core.scratch import abandoned_clear
from modelmill.training.services import jobs_sweep, worker_gone, worker_report, worker_sweeps

from workers.hosts import fences_seen, fences_try
from workers.hosts.forkers import forker_prepare
from workers.isolation import levels_used
from workers.supervisor.devices import device_choose, memory_limit_mib
from workers.supervisor.draining import drain_ask
from workers.supervisor.loop import worker_name

logger = structlog.get_logger(__name__)


class SignOfLife(bootsteps.StartStopStep):
    """Reports the worker every heartbeat while it waits for work.

    A solo worker that trains does not get here: its supervisor reports then. One that waits to
    train also sweeps, so that no job waits for ever where the beat is away.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        """Try the fences, then report now and regularly."""
        for isolation in levels_used():
            fences_try(isolation)
        queues = ",".join(sorted(parent.app.amqp.queues.consume_from))
        _report(queues)
        self._timer = parent.timer.call_repeatedly(settings.HEARTBEAT_S, _tick, (queues,))

    def stop(self, parent: Any) -> None:
        """End the reports."""
        timer = getattr(self, "_timer", None)
        if timer is not None:
            timer.cancel()


def lifecycle_connect(app: Celery) -> None:
    """Make the workers of this application do all of it."""
    app.steps["consumer"].add(SignOfLife)
    signals.worker_ready.connect(_look_around, weak=False)
    signals.worker_shutting_down.connect(drain_ask, weak=False)
    signals.worker_shutdown.connect(_say_goodbye, weak=False)


def _look_around(sender: Any, **_signal: object) -> None:
    """Clear up, import ahead what plugins need, and ring for what waited for a worker."""
    if count := abandoned_clear():
        logger.info("scratch_cleared", folders=count)
    queues = sender.app.amqp.queues.consume_from
    if "train" in queues or "infer" in queues:
        forker_prepare(settings.WARM_IMPORTS, device=device_choose().kind)
    if "train" in queues:
        device = device_choose()
        logger.info(
            "device_found",
            device=device.name,
            devices=device.count,
            devices_per_job=settings.DEVICES_PER_JOB,
        )
        ring("workers.tasks.training.ring", {"job_id": ""})
    if "infer" in queues:
        ring("workers.tasks.inference.sweep", {})
    if "control" in queues:
        ring("workers.tasks.catalog.describe", {})


def _say_goodbye(**_signal: object) -> None:
    worker_gone(worker_name())


def _tick(queues: str) -> None:
    # No task closes what broke for the consumer itself.
    close_old_connections()
    try:
        _report(queues)
        if worker_sweeps(worker_name()):
            jobs_sweep()
    except Exception:
        # The timer's outermost function: the next tick may find what this one did not.
        logger.exception("tick_failed")


def _report(queues: str) -> None:
    device = device_choose()
    worker_report(
        worker_name(),
        queue=queues,
        device=device.shown,
        gpu_memory_mib=device.memory_mib,
        memory_mib=memory_limit_mib(),
        fences=fences_seen(),
    )
