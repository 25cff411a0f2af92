"""Each step is billed once, whatever crashed in between."""

from hypothesis import given
from hypothesis import strategies as st
from modelmill.training.slices import Slice, slice_parts


def _slice(step_from: int, step_to: int, *, ms: int = 1000, resumed: int | None = None) -> Slice:
    return Slice(
        number=1, step_from=step_from, step_to=step_to, elapsed_ms=ms, resumed_step=resumed
    )


def test_new_steps_are_billed_whole() -> None:
    (part,) = slice_parts(_slice(10, 20), billed_through_step=10)
    assert (part.step_from, part.step_to, part.elapsed_ms, part.is_billable) == (10, 20, 1000, True)


def test_steps_done_again_are_recorded_and_not_billed() -> None:
    (part,) = slice_parts(_slice(10, 20, resumed=10), billed_through_step=30)
    assert not part.is_billable


def test_a_slice_over_the_border_is_shared_by_steps_in_the_customers_favour() -> None:
    new, redone = slice_parts(_slice(10, 40, ms=1001, resumed=10), billed_through_step=30)
    assert (new.step_from, new.step_to, new.elapsed_ms, new.is_billable) == (30, 40, 333, True)
    assert (redone.step_from, redone.step_to, redone.elapsed_ms) == (10, 30, 668)


def test_the_start_of_a_resumed_attempt_is_free_and_that_of_the_first_is_not() -> None:
    (first,) = slice_parts(_slice(0, 0), billed_through_step=0)
    (resumed,) = slice_parts(_slice(30, 30, resumed=30), billed_through_step=30)
    assert first.is_billable and not resumed.is_billable


_BEATS = st.lists(st.tuples(st.integers(0, 25), st.booleans()), max_size=4)


@given(st.lists(_BEATS, max_size=5))
def test_over_any_crashes_each_step_is_billed_exactly_once(attempts: list) -> None:
    total, billed_through, checkpoint = 60, 0, 0
    billed: list[int] = []
    for beats in [*attempts, [(total, False)]]:
        step = start = checkpoint
        for advance, is_checkpoint in beats:
            piece = _slice(step, min(step + advance, total), resumed=start or None)
            for part in slice_parts(piece, billed_through_step=billed_through):
                if part.is_billable:
                    billed += range(part.step_from, part.step_to)
            step, billed_through = piece.step_to, max(billed_through, piece.step_to)
            # A checkpoint is only ever committed with the slice that reaches it.
            checkpoint = step if is_checkpoint else checkpoint
    assert sorted(billed) == list(range(total))
