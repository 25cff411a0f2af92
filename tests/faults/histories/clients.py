"""Clients that do anything at any time: take jobs, forget them, come too late, say it twice."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.db.models import Case, F, When
from django.db.models.functions import Now
from modelmill.core.errors import Conflict
from modelmill.core.models import Blob
from modelmill.core.storage import blob_hold
from modelmill.training.failures import Failure
from modelmill.training.models import Job
from modelmill.training.selectors import access_job
from modelmill.training.services import (
    JobCancelled,
    Lease,
    LeaseLost,
    News,
    attempt_resumed,
    checkpoint_commit,
    checkpoint_newest,
    job_cancel,
    job_claim,
    job_fail,
    job_finish,
    job_heartbeat,
    job_pause,
    job_resume,
    job_yield,
    jobs_sweep,
)
from modelmill.training.slices import Slice
from modelmill.training.states import State

from tests.faults.histories.model import Op

_WEIGHTS = {
    "claim": 6,
    "beat": 8,
    "again": 2,
    "checkpoint": 3,
    "finish": 2,
    "yield": 1,
    "fail": 1,
    "cancel": 1,
    "pause": 2,
    "resume": 3,
    "sweep": 3,
    "expire": 4,
}
_DEATHS = 0.08
# Inside of transactions, and between those of a sweep.
_DIES_AT = (
    *("claim.swapped", "heartbeat.before_commit", "checkpoint.before_commit"),
    *("finish.published", "settle.before_journal", "finish.before_commit"),
    *("fail.before_commit", "yield.before_commit", "sweep.taken", "sweep.mid_pass"),
)
_mortal = threading.local()


class Died(BaseException):
    """A client was killed in the middle of something; what it had not committed is gone."""


def reach(name: str) -> None:
    """Stand in for the kill points of this process: a thread cannot be killed, but thrown out."""
    if getattr(_mortal, "dies_at", None) == name:
        _mortal.dies_at = None
        raise Died


@dataclass
class History:
    """What was done to the jobs, by job."""

    jobs: list[Job]
    ops: dict[str, list[Op]] = field(default_factory=lambda: defaultdict(list))

    def add(self, job_id: str, kind: str, begun: float, **seen: Any) -> None:
        """Write an operation down, as ended now."""
        self.ops[job_id].append(Op(kind=kind, begun=begun, ended=time.monotonic(), **seen))


def time_pass(job: Job) -> None:
    """Let a job's lease have run out, and its wait be over."""
    long_ago = Now() - timedelta(seconds=1)
    runs = When(state="running", then=long_ago)
    Job.objects.filter(pk=job.pk).update(
        next_run_at=long_ago, lease_until=Case(runs, default=F("lease_until"))
    )


@dataclass
class _Held:
    """A lease as its client remembers it, valid or not."""

    lease: Lease
    step: int
    resumed: int | None
    number: int = 0
    last: Slice | None = None
    is_refused: bool = False

    def cut(self, dice: random.Random) -> Slice:
        """Give the next slice; again the one refused at the end, as a worker's clock does."""
        if self.is_refused and self.last is not None:
            self.is_refused = False
            return self.last
        start, self.number = self.step, self.number + 1
        self.step += dice.randint(0, 3)
        self.last = Slice(
            number=self.number,
            step_from=start,
            step_to=self.step,
            elapsed_ms=dice.randint(0, 900),
            resumed_step=self.resumed,
        )
        return self.last


class Client:
    """One client with a mind of its own, which ``seed`` is."""

    def __init__(self, number: int, *, place: Any, history: History, blob: Blob, seed: str) -> None:
        self._number, self._place, self._history, self._blob = number, place, history, blob
        self._dice = random.Random(seed)
        self._held: list[_Held] = []

    def act(self, times: int) -> None:
        """Do so many things."""
        for _ in range(times):
            kind = self._dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            dies = self._dice.random() < _DEATHS
            _mortal.dies_at = self._dice.choice(_DIES_AT) if dies else None
            with self._place.scope():
                try:
                    getattr(self, f"do_{kind}")()
                except Died:
                    # What it knew dies with it.
                    self._held.clear()
            _mortal.dies_at = None

    def do_claim(self) -> bool:
        begun = time.monotonic()
        lease = job_claim(f"w{self._number}")
        if lease is None:
            return False
        self._note(lease.job_id, "claim", begun, fence=lease.fence)
        newest = checkpoint_newest(lease)
        resumed = newest.step if newest else None
        if resumed is not None:
            attempt_resumed(lease, step=resumed)
        self._held.append(_Held(lease, step=resumed or 0, resumed=resumed))
        return True

    def do_beat(self) -> None:
        held = self._some()
        if held is not None:
            self._tell(held, held.cut(self._dice))

    def do_again(self) -> None:
        held = self._some()
        if held is not None and held.last is not None:
            self._tell(held, held.last)

    def _tell(self, held: _Held, piece: Slice) -> None:
        news = News(step=piece.step_to, total_steps=100)
        self._write(held, "beat", lambda: str(job_heartbeat(held.lease, news, piece=piece)))

    def do_checkpoint(self) -> None:
        held = self._some()
        if held is None:
            return
        piece = held.cut(self._dice)
        if piece.step_to == piece.step_from:
            return
        blob = blob_hold(self._blob)
        self._write(
            held,
            "checkpoint",
            lambda: checkpoint_commit(
                held.lease, News(step=held.step), piece=piece, step=held.step, blob=blob
            ),
        )

    def do_finish(self) -> None:
        self._last(
            "finish",
            lambda held, piece: job_finish(
                held.lease, News(step=held.step), piece=piece, files={}, metrics={}
            ),
        )

    def do_yield(self) -> None:
        self._last(
            "yield",
            lambda held, piece: job_yield(
                held.lease, state=State.QUEUED, news=News(step=held.step), piece=piece
            ),
        )

    def do_fail(self) -> None:
        self._last("fail", lambda held, _piece: job_fail(held.lease, code=Failure.WORKER_LOST))

    def _last(self, kind: str, end: Callable[[_Held, Slice], object]) -> None:
        """End an attempt; the client remembers its lease all the same."""
        held = self._some()
        if held is not None:
            self._write(held, kind, lambda: end(held, held.cut(self._dice)))

    def do_cancel(self) -> None:
        self._wish("cancel", job_cancel)

    def do_pause(self) -> None:
        self._wish("pause", job_pause)

    def do_resume(self) -> None:
        self._wish("resume", job_resume)

    def _wish(self, kind: str, wish: Any, job: Job | None = None) -> None:
        job = job or self._dice.choice(self._history.jobs)
        begun = time.monotonic()
        try:
            wish(access_job(job.id), caller=self._place.caller)
        except Conflict:
            self._note(job.id, kind, begun, result="conflict")
        else:
            self._note(job.id, kind, begun)

    def do_sweep(self) -> None:
        begun = time.monotonic()
        try:
            jobs_sweep()
        finally:
            for job in self._history.jobs:
                self._note(job.id, "sweep", begun)

    def do_expire(self) -> None:
        self.expire(self._dice.choice(self._history.jobs))

    def finish_all(self) -> None:
        """Take what waits and end it well, as an honest worker does."""
        while self.do_claim():
            held = self._held[-1]
            end = partial(job_finish, held.lease, News(), piece=None, files={}, metrics={})
            self._write(held, "finish", end)

    def resume(self, job: Job) -> None:
        """Let a job go on."""
        self._wish("resume", job_resume, job)

    def read(self, job: Job) -> Job:
        """Read what became of a job."""
        begun, now = time.monotonic(), access_job(job.id)
        self._note(job.id, "read", begun, result=f"{now.state} {now.fence} {now.attempt}")
        return now

    def expire(self, job: Job) -> None:
        """Time passes: a lease runs out, a wait is over."""
        begun = time.monotonic()
        time_pass(job)
        self._note(job.id, "expire", begun)

    def _write(self, held: _Held, kind: str, write: Callable[[], object]) -> None:
        begun = time.monotonic()
        try:
            answer = write()
        except LeaseLost:
            self._note(held.lease.job_id, kind, begun, result="lost", fence=held.lease.fence)
        except JobCancelled:
            held.is_refused = True
            self._note(held.lease.job_id, kind, begun, result="cancelled", fence=held.lease.fence)
        else:
            result = answer if isinstance(answer, str) else "ok"
            self._note(held.lease.job_id, kind, begun, result=result, fence=held.lease.fence)

    def _some(self) -> _Held | None:
        """Mostly the newest lease; now and then one that has long been somebody else's."""
        if not self._held:
            return None
        return self._held[-1] if self._dice.random() < 0.7 else self._dice.choice(self._held)

    def _note(self, job_id: str, kind: str, begun: float, **seen: Any) -> None:
        self._history.add(job_id, kind, begun, client=self._number, **seen)
