"""What of a stretch of training is billed: pure arithmetic, each step once.

A slice is what one attempt did between two proofs of its lease. Steps that an
earlier attempt was paid for, and that are only done again after a crash, are
recorded and not billed; so is the time a resumed attempt needs to get going.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One stretch: ``number`` within its attempt, steps ``(step_from, step_to]``, device time."""

    number: int
    step_from: int
    step_to: int
    elapsed_ms: int
    # That many were used at once; the time is of all of them.
    devices: int = 1
    resumed_step: int | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a slice that is billed, or is not because it was done before."""

    step_from: int
    step_to: int
    elapsed_ms: int
    # Why it is not billed; empty for one that is.
    reason: str = ""

    @property
    def is_billable(self) -> bool:
        """Whether the customer pays for it."""
        return not self.reason


def slice_parts(piece: Slice, *, billed_through_step: int) -> list[Part]:
    """Split a slice at the step up to which the customer has paid already.

    Time is shared by steps, the odd millisecond in the customer's favour. A
    slice without a step is billed unless a resumed attempt has yet to pass its
    first new step.
    """
    border = min(max(billed_through_step, piece.step_from), piece.step_to)
    redone, done = border - piece.step_from, piece.step_to - border
    if done == 0:
        is_start = piece.resumed_step is not None and piece.step_to <= piece.resumed_step
        is_billable = redone == 0 and piece.step_to >= billed_through_step and not is_start
        return [_part(piece, piece.step_from, piece.step_to, piece.elapsed_ms, is_billable)]
    done_ms = piece.elapsed_ms * done // (redone + done)
    parts = [_part(piece, border, piece.step_to, done_ms, True)]
    if redone:
        redone_ms = piece.elapsed_ms - done_ms
        parts.append(_part(piece, piece.step_from, border, redone_ms, False))
    return parts


def _part(piece: Slice, start: int, end: int, elapsed_ms: int, is_billable: bool) -> Part:
    return Part(
        step_from=start,
        step_to=end,
        elapsed_ms=elapsed_ms,
        reason="" if is_billable else "redo",
    )
