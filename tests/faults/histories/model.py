"""What one job may do, said once more and sequentially, for the judge to compare with.

``steps(situation, operation)`` yields every situation that may follow when the operation took
effect at one instant with the result that was seen; none when that result was impossible.
Written from the design and not from the code: it shares only the table of states.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from modelmill.training.states import may_follow

OVER = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Op:
    """One operation on one job, from the moment it was begun to the moment it had ended."""

    kind: str
    begun: float
    ended: float
    result: str = "ok"
    fence: int = 0
    client: int = 0


@dataclass(frozen=True)
class Situation:
    """A job, as far as its rules go."""

    state: str = "queued"
    fence: int = 0
    is_expired: bool = False
    desired: str = "run"
    attempt: int = 0
    max_attempts: int = 3
    is_delayed: bool = False

    def becomes(self, state: str, **changes: object) -> Iterator["Situation"]:
        """Follow the table of states; nothing follows what the table does not name."""
        if may_follow(self.state, state):
            clean: dict[str, object] = {"is_expired": False}
            if state != "running":
                clean["desired"] = "run"
            yield replace(self, state=state, **{**clean, **changes})  # type: ignore[arg-type]


def steps(now: Situation, op: Op) -> Iterator[Situation]:
    """Yield what may follow ``now`` by ``op``."""
    yield from _RULES[op.kind](now, op)


def _claim(now: Situation, op: Op) -> Iterator[Situation]:
    waits = now.state == "queued" and not now.is_delayed
    lost = now.state == "running" and now.is_expired
    if not (waits or lost) or now.desired != "run" or now.attempt >= now.max_attempts:
        return
    if op.fence == now.fence + 1:
        yield replace(
            now, state="running", fence=op.fence, attempt=now.attempt + 1, is_expired=False
        )


def _holds(now: Situation, op: Op) -> bool:
    return now.state == "running" and now.fence == op.fence and not now.is_expired


def _beat(now: Situation, op: Op) -> Iterator[Situation]:
    if op.result == "lost":
        if not _holds(now, op):
            yield now
    elif _holds(now, op) and op.result == now.desired:
        yield replace(now, is_expired=False)


def _checkpoint(now: Situation, op: Op) -> Iterator[Situation]:
    if _holds(now, op) == (op.result == "ok"):
        yield replace(now, is_expired=False) if op.result == "ok" else now


def _finish(now: Situation, op: Op) -> Iterator[Situation]:
    if _holds(now, op) != (op.result != "lost"):
        return
    if op.result == "lost":
        yield now
    elif op.result == "cancelled":
        # Who was told that it is being cancelled is not told otherwise.
        if now.desired == "cancel":
            yield now
    elif now.desired != "cancel":
        yield from now.becomes("succeeded")


def _yield(now: Situation, op: Op) -> Iterator[Situation]:
    if _holds(now, op) != (op.result == "ok"):
        return
    if op.result != "ok":
        yield now
    elif now.desired == "cancel":
        yield from now.becomes("cancelled")
    else:
        after = "paused" if now.desired == "pause" else "queued"
        yield from now.becomes(after, attempt=now.attempt - 1)


def _fail(now: Situation, op: Op) -> Iterator[Situation]:
    if op.result == "lost":
        if not _holds(now, op):
            yield now
    elif _holds(now, op):
        yield from _failed(now)


def _failed(now: Situation) -> Iterator[Situation]:
    if now.desired == "cancel":
        yield from now.becomes("cancelled")
    elif now.desired == "pause":
        yield from now.becomes("paused", attempt=now.attempt - 1)
    elif now.attempt < now.max_attempts:
        yield from now.becomes("queued", is_delayed=True)
    else:
        yield from now.becomes("failed")


def _cancel(now: Situation, op: Op) -> Iterator[Situation]:
    if op.result == "conflict":
        if now.state in ("succeeded", "failed"):
            yield now
    elif now.state == "cancelled":
        yield now
    elif now.state == "running":
        yield replace(now, desired="cancel")
    else:
        yield from now.becomes("cancelled")


def _pause(now: Situation, op: Op) -> Iterator[Situation]:
    refused = now.state in OVER or now.desired == "cancel"
    if refused or op.result == "conflict":
        if refused and op.result == "conflict":
            yield now
    elif now.state == "paused":
        yield now
    elif now.state == "running":
        yield replace(now, desired="pause")
    else:
        yield from now.becomes("paused")


def _resume(now: Situation, op: Op) -> Iterator[Situation]:
    may = now.state in ("paused", "queued")
    if may != (op.result == "ok"):
        return
    if now.state == "paused":
        yield from now.becomes("queued", is_delayed=False)
    else:
        yield now


def _expire(now: Situation, op: Op) -> Iterator[Situation]:
    yield replace(now, is_expired=now.state == "running", is_delayed=False)


def _sweep(now: Situation, op: Op) -> Iterator[Situation]:
    """It may come to this job, or not; what it takes, it ends at once."""
    yield now
    if now.state == "running" and now.is_expired:
        yield from _failed(replace(now, fence=now.fence + 1))


def _read(now: Situation, op: Op) -> Iterator[Situation]:
    if op.result == f"{now.state} {now.fence} {now.attempt}":
        yield now


_RULES = {
    "claim": _claim,
    "beat": _beat,
    "checkpoint": _checkpoint,
    "finish": _finish,
    "yield": _yield,
    "fail": _fail,
    "cancel": _cancel,
    "pause": _pause,
    "resume": _resume,
    "expire": _expire,
    "sweep": _sweep,
    "read": _read,
}
