"""The keeper of one attempt's lease: beats while others work, and knows when to let go."""

import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from modelmill.core.killpoints import killpoint
from modelmill.core.models import Blob
from modelmill.training.services import (
    Lease,
    LeaseLost,
    checkpoint_commit,
    job_heartbeat,
    job_report,
    worker_report,
)
from modelmill.training.states import Desired

from workers.hosts import fences_seen
from workers.supervisor.clock import SliceClock
from workers.supervisor.devices import Device, memory_limit_mib
from workers.supervisor.notebook import Notebook

logger = structlog.get_logger(__name__)

T = TypeVar("T")

REPORT_EVERY_S = 2.0
# Of the lease: we stop before anybody else may begin (jobs run at most once at a time).
_OWN_DEADLINE = 0.75
# By then the plugin ends, wherever the supervisor itself is held up.
_LAST_DEADLINE = 0.9
_POLL_S = 0.2


class Keeper:
    """Renews the lease by the monotonic clock, and writes clock and notebook with it.

    Every method that writes raises ``LeaseLost`` when the job is somebody
    else's, or when the database has been away for three quarters of a lease:
    then somebody else may take it before we hear of it.
    """

    def __init__(
        self, lease: Lease, *, clock: SliceClock, notebook: Notebook, device: Device
    ) -> None:
        """Take over a lease that was claimed just now."""
        self.lease = lease
        self.desired = Desired.RUN
        self._clock = clock
        self._notebook = notebook
        self._device = device
        self._renewed_at = self._tried_at = self._reported_at = time.monotonic()

    def tend(self) -> None:
        """Beat or report if it is time; call it often, it is cheap."""
        now = time.monotonic()
        if now - self._tried_at >= settings.HEARTBEAT_S:
            self.bear(self.beat)
        elif self._notebook.has_news and (
            now - self._reported_at >= REPORT_EVERY_S or self._notebook.is_first
        ):
            self.bear(self._report)

    def beat(self) -> None:
        """Renew the lease, bill the slice, store the news, now."""
        began_at = self._tried_at = self._reported_at = time.monotonic()
        news, piece = self._notebook.news(), self._clock.cut(self._notebook.step)
        self.desired = job_heartbeat(self.lease, news, piece=piece)
        killpoint("heartbeat.after_commit")
        self._clock.settle(piece)
        self._notebook.settle(news)
        # Counted from before the write: the lease began no earlier than that.
        self._renewed_at = began_at
        self._sign_of_life()

    def checkpoint(self, *, step: int, blob: Blob) -> None:
        """Commit a stored checkpoint with the steps that led to it."""
        if self._clock.is_pending:
            self.beat()
        began_at = time.monotonic()
        news, piece = self._notebook.news(), self._clock.cut(self._notebook.step)
        checkpoint_commit(self.lease, news, piece=piece, step=step, blob=blob)
        killpoint("checkpoint.after_commit")
        self._clock.settle(piece)
        self._notebook.settle(news)
        # No beat: whether there is money for what comes, and that we live, is told by those.
        self._renewed_at = began_at

    def during(self, work: Callable[[], T], *, undo: Callable[[T], object] | None = None) -> T:
        """Do slow work in a thread, and keep the lease meanwhile.

        When the lease is lost before the work is done, ``undo`` takes its result away again.
        """
        context = contextvars.copy_context()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="supervisor") as pool:
            future = pool.submit(context.run, _closing, work)
            try:
                while not wait([future], timeout=_POLL_S).done:
                    self.tend()
            except LeaseLost:
                if undo is not None and future.exception() is None:
                    undo(future.result())
                raise
            return future.result()

    def bear(self, write: Callable[[], None]) -> None:
        """Write, and bear a database that is away until our own deadline."""
        try:
            write()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("heartbeat_failed", job=self.lease.job_id, error=str(error))
            connection.close()
            if time.monotonic() - self._renewed_at >= settings.LEASE_S * _OWN_DEADLINE:
                raise LeaseLost(self.lease.job_id) from error

    def is_overdue(self) -> bool:
        """Say whether the lease is about to be somebody else's; any thread may ask."""
        return time.monotonic() - self._renewed_at >= settings.LEASE_S * _LAST_DEADLINE

    def _report(self) -> None:
        self._reported_at = time.monotonic()
        news = self._notebook.news()
        self.desired = job_report(self.lease, news)
        self._notebook.settle(news)

    def _sign_of_life(self) -> None:
        worker_report(
            self.lease.worker,
            device=self._device.shown,
            gpu_memory_mib=self._device.memory_mib,
            memory_mib=memory_limit_mib(),
            job_id=self.lease.job_id,
            fences=fences_seen(),
        )


def _closing(work: Callable[[], T]) -> T:
    """Run in a thread that has a database connection of its own, and close that."""
    try:
        return work()
    finally:
        connection.close()
