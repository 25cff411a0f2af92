"""Each step, and each wait between two, is billed once, whatever crashed in between."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelmill.training.slices import Paid, Slice, paid_after, slice_parts

from workers.supervisor.clock import SliceClock


def _slice(step_from: int, step_to: int, *, ms: int = 1000, **more: Any) -> Slice:
    return Slice(number=1, step_from=step_from, step_to=step_to, elapsed_ms=ms, **more)


def _billed_ms(piece: Slice, paid: Paid) -> int:
    return sum(part.elapsed_ms for part in slice_parts(piece, paid=paid) if part.is_billable)


def test_new_steps_are_billed_whole() -> None:
    (part,) = slice_parts(_slice(10, 20), paid=Paid(step=10))
    assert (part.step_from, part.step_to, part.elapsed_ms, part.is_billable) == (10, 20, 1000, True)


def test_steps_done_again_are_recorded_and_not_billed() -> None:
    (part,) = slice_parts(_slice(10, 20, resumed_step=10), paid=Paid(step=30))
    assert not part.is_billable


def test_a_slice_over_the_border_is_shared_by_steps_in_the_customers_favour() -> None:
    piece = _slice(10, 40, ms=1001, resumed_step=10)
    new, redone = slice_parts(piece, paid=Paid(step=30))
    assert (new.step_from, new.step_to, new.elapsed_ms, new.is_billable) == (30, 40, 333, True)
    assert (redone.step_from, redone.step_to, redone.elapsed_ms) == (10, 30, 668)


def test_the_start_of_a_resumed_attempt_is_free_and_that_of_the_first_is_not() -> None:
    assert _billed_ms(_slice(0, 0), Paid()) == 1000
    assert _billed_ms(_slice(30, 30, resumed_step=30), Paid(step=30)) == 0
    # Also where its first step came within the slice.
    assert _billed_ms(_slice(30, 40, lead_ms=900, resumed_step=30), Paid(step=30)) == 100


def test_a_wait_is_billed_as_far_as_no_attempt_has_waited_so_long() -> None:
    paid = Paid(step=10, still_ms=1500)
    again = _slice(8, 10, ms=500, resumed_step=8)
    assert _billed_ms(again, paid) == 0
    first, second = _slice(10, 10, resumed_step=8), _slice(10, 10, stood_ms=1000, resumed_step=8)
    assert _billed_ms(first, paid) == 0
    assert _billed_ms(second, paid_after(first, paid=paid)) == 500


def test_a_start_without_a_checkpoint_is_billed_once() -> None:
    paid, billed_ms = Paid(), 0
    for _attempt in range(3):
        for stood_ms in (0, 1000, 2000):
            piece = _slice(0, 0, stood_ms=stood_ms)
            billed_ms += _billed_ms(piece, paid)
            paid = paid_after(piece, paid=paid)
    assert billed_ms == 3000


_START_MS, _STEP_MS, _TAIL_MS, _STEPS = 7_000, 400, 9_000, 60


def _attempt(
    crash_ms: int | None, saves_at: list[int], cuts: random.Random, *, saved: int | None, paid: Paid
) -> tuple[int, list[int], int | None, Paid]:
    """Run the real clock over an attempt; return what was billed, and how far it got."""
    now_ms, billed_ms, steps = 0, 0, list[int]()
    clock = SliceClock(now=lambda: now_ms / 1000)
    clock.start(resumed_step=saved)
    begin = saved or 0
    end_ms = _START_MS + (_STEPS - begin) * _STEP_MS + _TAIL_MS
    steps_at = {_START_MS + (n - begin) * _STEP_MS: n for n in range(begin + 1, _STEPS + 1)}
    step, cut_at = begin, cuts.randrange(100, 5000, 100)
    for now_ms in range(0, end_ms + 1, 100):
        if crash_ms is not None and now_ms >= crash_ms:
            # Its last slice was never proved.
            return billed_ms, steps, saved, paid
        if now_ms in steps_at:
            step = steps_at[now_ms]
            clock.stepped(step)
        is_save = now_ms in steps_at and step in saves_at
        if is_save or now_ms in (cut_at, end_ms):
            cut_at = now_ms + cuts.randrange(100, 5000, 100)
            piece = clock.cut(step)
            assert piece is not None
            for part in slice_parts(piece, paid=paid):
                if part.is_billable:
                    billed_ms += part.elapsed_ms
                    steps += range(part.step_from, part.step_to)
            paid = paid_after(piece, paid=paid)
            clock.settle(piece)
            # A checkpoint is only ever committed with the slice that reaches it.
            saved = step if is_save else saved
    return billed_ms, steps, saved, paid


@settings(max_examples=60, deadline=None)
@given(
    crashes=st.lists(st.integers(0, 40_000), max_size=5),
    saves_at=st.lists(st.integers(1, _STEPS), max_size=5),
    seed=st.integers(0, 1_000_000),
)
def test_over_any_crashes_each_step_and_each_wait_is_billed_once(
    crashes: list[int], saves_at: list[int], seed: int
) -> None:
    cuts = random.Random(seed)
    total_ms, steps, paid = 0, list[int](), Paid()
    saved: int | None = None
    for crash_ms in [*crashes, None]:
        billed_ms, made, saved, paid = _attempt(crash_ms, saves_at, cuts, saved=saved, paid=paid)
        total_ms += billed_ms
        steps += made
    assert sorted(steps) == list(range(_STEPS))
    undisturbed_ms = _START_MS + _STEPS * _STEP_MS + _TAIL_MS
    assert total_ms <= undisturbed_ms
    if not crashes:
        # Each slice drops the part of a millisecond that it ends with.
        assert undisturbed_ms - total_ms < 200


@pytest.mark.parametrize("devices", [1, 4])
def test_the_time_of_several_devices_is_counted_for_each(devices: int) -> None:
    now = 0.0
    clock = SliceClock(now=lambda: now)
    clock.start(resumed_step=None, devices=devices)
    now = 2.0
    clock.stepped(5)
    now = 3.0
    piece = clock.cut(5)
    assert piece is not None
    times = (piece.elapsed_ms, piece.lead_ms, piece.still_ms)
    assert times == (3000 * devices, 2000 * devices, 1000 * devices)
    clock.settle(piece)
    now = 4.0
    after = clock.cut(5)
    assert after is not None
    assert (after.elapsed_ms, after.stood_ms) == (1000 * devices, 1000 * devices)
