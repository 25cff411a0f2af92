"""The keeper of one attempt's lease: beats while others work, and knows when to let go."""

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from modelmill.core.halting import Halted
from modelmill.core.killpoints import killpoint
from modelmill.core.models import Blob
from modelmill.training.services import (
    Lease,
    LeaseLost,
    attempt_is_concluded,
    checkpoint_commit,
    job_heartbeat,
    job_is_cancelled,
    job_report,
    job_wish,
    worker_report,
)
from modelmill.training.states import Desired

from workers.hosts import fences_seen
from workers.supervisor.clock import SliceClock
from workers.supervisor.devices import Device, memory_limit_mib
from workers.supervisor.errand import Errand
from workers.supervisor.notebook import Notebook

logger = structlog.get_logger(__name__)

T = TypeVar("T")

REPORT_EVERY_S = 2.0
# A customer who cancels is to have the device free in ten seconds, also of a plugin that is silent.
WISH_EVERY_S = 2.0
# Of the lease: we stop before anybody else may begin (jobs run at most once at a time).
_OWN_DEADLINE = 0.75
# By then the plugin ends, wherever the supervisor itself is held up.
_LAST_DEADLINE = 0.9
_POLL_S = 0.2
_AGAIN_S = 0.5


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
        self._renewed_at = self._tried_at = self._reported_at = self._asked_at = time.monotonic()
        self._is_cancelled: bool | None = None
        self._notes: list[Callable[[], object]] = []

    def tend(self) -> None:
        """Beat, report, or ask what is wished, if it is time; call it often, it is cheap."""
        now = time.monotonic()
        if now - self._tried_at >= settings.HEARTBEAT_S:
            self.bear(self.beat)
        elif self._notebook.has_news and (
            now - self._reported_at >= REPORT_EVERY_S or self._notebook.is_first
        ):
            self.bear(self._report)
        elif now - self._asked_at >= WISH_EVERY_S:
            self.bear(self._ask)

    def beat(self) -> None:
        """Renew the lease, bill the slice, store the news and what is noted, now."""
        began_at = self._tried_at = self._reported_at = self._asked_at = time.monotonic()
        news, piece = self._notebook.news(), self._clock.cut(self._notebook.step)
        self.desired = job_heartbeat(self.lease, news, piece=piece)
        killpoint("heartbeat.after_commit")
        self._clock.settle(piece)
        self._notebook.settle(news)
        # Counted from before the write: the lease began no earlier than that.
        self._renewed_at = began_at
        self._sign_of_life()
        self._notes_write()

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

    def during(
        self,
        work: Callable[[], T],
        *,
        undo: Callable[[T], object] | None = None,
        unless: Callable[[], bool] = lambda: False,
    ) -> T:
        """Do slow work in a thread, and keep the lease meanwhile.

        Raises ``Halted`` once ``unless`` is true. Then, and when the lease is lost before the work
        is done, it is left: it halts, and ``undo`` takes away what it makes all the same.
        """
        errand = Errand(work, undo=undo)
        try:
            while not errand.is_done(within_s=_POLL_S):
                self.tend()
                if unless():
                    raise Halted
        except BaseException:
            errand.leave()
            raise
        return errand.result()

    def bear(self, write: Callable[[], None]) -> None:
        """Write, and bear a database that is away until our own deadline."""
        try:
            write()
        except (DatabaseError, InterfaceError) as error:
            self._away(error)

    def insist(self, act: Callable[[], T]) -> T:
        """Do what an attempt cannot go on without, again and again until our own deadline.

        Only a database that is away is waited for; whatever else is wrong would be so again.
        """
        while True:
            try:
                return act()
            except (OperationalError, InterfaceError) as error:
                self._away(error)
            time.sleep(_AGAIN_S)

    def note(self, write: Callable[[], object]) -> None:
        """Write what is nobody's lease, now or with the first heartbeat that can."""
        self._notes.append(write)
        self.bear(self._notes_write)

    def settle(self) -> None:
        """Write what is left to be written before the attempt's end."""
        if self._clock.is_pending:
            self.insist(self.beat)
        self.insist(self._notes_write)

    def conclude(self, write: Callable[[], object]) -> None:
        """Write the attempt's end. When only the answer to that was lost, it has ended so."""
        is_again = False

        def once_more() -> None:
            nonlocal is_again
            try:
                write()
            except LeaseLost:
                if not (is_again and attempt_is_concluded(self.lease)):
                    raise
            except (OperationalError, InterfaceError):
                is_again = True
                raise

        self.insist(once_more)

    def is_cancelled(self) -> bool:
        """Say whether the customer wants nothing of it any more.

        A limit that is reached once all is trained is no reason to throw the model away.
        """
        if self.desired == Desired.CANCEL and self._is_cancelled is None:
            self.bear(self._ask_who_cancels)
        return bool(self._is_cancelled)

    def is_overdue(self) -> bool:
        """Say whether the lease is about to be somebody else's; any thread may ask."""
        return time.monotonic() - self._renewed_at >= settings.LEASE_S * _LAST_DEADLINE

    def _away(self, error: Exception) -> None:
        logger.warning("write_failed", job=self.lease.job_id, error=str(error))
        connection.close()
        if time.monotonic() - self._renewed_at >= settings.LEASE_S * _OWN_DEADLINE:
            raise LeaseLost(self.lease.job_id) from error

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        self.desired = job_wish(self.lease)

    def _ask_who_cancels(self) -> None:
        # Once: of a cancellation nothing changes any more.
        self._is_cancelled = job_is_cancelled(self.lease)

    def _notes_write(self) -> None:
        while self._notes:
            try:
                self._notes[0]()
            except (OperationalError, InterfaceError):
                raise
            except DatabaseError:
                # What it says no to now, it says no to for ever.
                logger.exception("note_refused", job=self.lease.job_id)
            del self._notes[0]

    def _report(self) -> None:
        self._reported_at = self._asked_at = time.monotonic()
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
