"""What of a stretch of training is billed: pure arithmetic, each step and each wait once.

A slice is what one attempt did between two proofs of its lease. What an earlier
attempt was paid for, and is only done again after a crash, is recorded and not
billed; so is the time an attempt needs to get going after one that was not
the customer's to end.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One stretch: ``number`` within its attempt, steps ``(step_from, step_to]``, device time."""

    number: int
    step_from: int
    step_to: int
    elapsed_ms: int
    # That many were used at once; the times are of all of them.
    devices: int = 1
    # Where the attempt began, if to begin again is on us.
    resumed_step: int | None = None
    # Of a slice with steps: what went by before the attempt's first one, and behind its last one.
    lead_ms: int = 0
    still_ms: int = 0
    # How long the attempt had stood at ``step_from`` when the slice began.
    stood_ms: int = 0

    @property
    def is_still(self) -> bool:
        """Whether it has no step."""
        return self.step_to == self.step_from


@dataclass(frozen=True, kw_only=True)
class Paid:
    """How far a customer has paid: up to a step, and for so long a wait behind it."""

    step: int = 0
    still_ms: int = 0


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


def slice_parts(piece: Slice, *, paid: Paid) -> list[Part]:
    """Split a slice where the customer has paid already; a part without time or step is left out.

    Time is shared by steps, the odd millisecond in the customer's favour. What goes by without a
    step is billed as far as no attempt has stood at that step so long. What was paid of a
    step that a crash undid is taken off the same step when it is made.
    """
    border = min(max(paid.step, piece.step_from), piece.step_to)
    billed_ms = _lead_ms(piece, paid) + _moving_ms(piece, paid, border) + _still_ms(piece, paid)
    free_ms = piece.elapsed_ms - billed_ms
    parts = []
    if billed_ms or piece.step_to > border:
        parts.append(Part(step_from=border, step_to=piece.step_to, elapsed_ms=billed_ms))
    if free_ms or border > piece.step_from:
        redone = Part(step_from=piece.step_from, step_to=border, elapsed_ms=free_ms, reason="redo")
        parts.append(redone)
    return parts


def paid_after(piece: Slice, *, paid: Paid) -> Paid:
    """Return how far the customer has paid with this slice, billed or free."""
    if piece.step_to < paid.step or _is_start(piece):
        return paid
    still_ms = piece.stood_ms + piece.elapsed_ms if piece.is_still else piece.still_ms
    if piece.step_to == paid.step:
        still_ms = max(still_ms, paid.still_ms)
    return Paid(step=piece.step_to, still_ms=still_ms)


def _lead_ms(piece: Slice, paid: Paid) -> int:
    """Bill what went by before the attempt's first step, unless to begin again is on us."""
    if piece.is_still or piece.resumed_step is not None:
        return 0
    return _waited_ms(piece.step_from, piece.stood_ms, piece.lead_ms, paid)


def _moving_ms(piece: Slice, paid: Paid, border: int) -> int:
    if piece.step_to == border:
        return 0
    moving_ms = piece.elapsed_ms - piece.lead_ms - piece.still_ms
    new_ms = moving_ms * (piece.step_to - border) // (piece.step_to - piece.step_from)
    stood_ms = 0
    if piece.step_from == paid.step and piece.step_from != piece.resumed_step:
        stood_ms = piece.stood_ms + piece.lead_ms
    lost_ms = max(0, paid.still_ms - stood_ms) if piece.step_from <= paid.step else 0
    return max(0, new_ms - lost_ms)


def _still_ms(piece: Slice, paid: Paid) -> int:
    if _is_start(piece):
        return 0
    if piece.is_still:
        return _waited_ms(piece.step_to, piece.stood_ms, piece.elapsed_ms, paid)
    return _waited_ms(piece.step_to, 0, piece.still_ms, paid)


def _waited_ms(step: int, stood_ms: int, ms: int, paid: Paid) -> int:
    """Bill ``ms`` of waiting at a step where the attempt had stood for ``stood_ms``."""
    if step < paid.step:
        return 0
    paid_ms = paid.still_ms if step == paid.step else 0
    return max(0, stood_ms + ms - max(stood_ms, paid_ms))


def _is_start(piece: Slice) -> bool:
    return piece.resumed_step is not None and piece.step_to <= piece.resumed_step
