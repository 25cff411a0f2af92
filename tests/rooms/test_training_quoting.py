"""What a whole training is said to cost, by the pace of its first steps."""

import pytest
from modelmill.training.models import Job
from modelmill.training.pace import Pace
from modelmill.training.selectors import access_job
from modelmill.training.services.money import price_micro
from modelmill.training.services.quoting import quote_is_due, quote_keep

from tests.making import job_make

PACE = Pace(steps=19, elapsed_ms=1_900, begin_ms=7_000)


@pytest.mark.parametrize(
    ("quote_first", "billed_ms", "whole_ms"),
    # What was billed, and eighty steps of a tenth of a second each; one that stopped for its quote
    # begins a second time.
    [(False, 3_000, 3_000 + 8_000), (True, 0, 8_000 + 7_000)],
)
def test_the_quote_is_what_was_billed_and_the_pace_times_the_steps_left(
    acme, quote_first, billed_ms, whole_ms
) -> None:
    job = job_make(acme, quote_first=quote_first)
    with acme.scope():
        Job.objects.update(step=20, total_steps=100, billed_ms=billed_ms, meter="cpu_ms")
        quote_keep(access_job(job.id), PACE)
        told = access_job(job.id)
        assert (told.quote_ms, told.quote_step) == (whole_ms, 20)
        assert told.quote_micro == price_micro(told, told.meter, whole_ms) > 0
        # It is told once.
        Job.objects.update(step=50)
        quote_keep(access_job(job.id), PACE)
        assert access_job(job.id).quote_step == 20


@pytest.mark.parametrize(
    ("steps", "total", "is_due"),
    [(18, 1_000, False), (19, 1_000, True), (10, 120, False), (11, 120, True), (0, 5, False)],
)
def test_twenty_steps_are_enough_or_a_tenth_of_a_short_training(steps, total, is_due) -> None:
    assert quote_is_due(Pace(steps=steps, elapsed_ms=9), total_steps=total) == is_due
