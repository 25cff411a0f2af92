"""The curves of a job: cheap to write, true when they go back, thinned without losing a spike."""

import random
from bisect import bisect_left, bisect_right

import pytest
from modelmill.training.metrics import Span, job_curves, job_metrics_series
from modelmill.training.models import Job, JobEvent, MetricBucket, MetricPoint
from modelmill.training.services import EventDraft, Lease, News, job_claim, job_report
from modelmill.training.services.points import points_write

from tests.making import job_make


@pytest.fixture
def lease(acme) -> Lease:
    job_make(acme)
    found = job_claim("w1")
    assert found is not None
    return found


def _news(values: dict[int, float | None], name: str = "loss") -> News:
    kind = JobEvent.Kind.METRICS
    events = tuple(EventDraft(kind=kind, step=s, values={name: v}) for s, v in values.items())
    return News(step=max(values), total_steps=10**6, events=events)


def _job(lease: Lease) -> Job:
    return Job.objects.get(pk=lease.job_id)


def _loss(lease: Lease, **how) -> dict[int, float | None]:
    curve = job_curves([_job(lease)], **how)[lease.job_id]["loss"]
    return dict(zip(curve.steps, curve.values, strict=True))


def _write(lease: Lease, values: dict[int, float | None], *, size: int = 700) -> None:
    points = [(step, {"loss": value}) for step, value in values.items()]
    for at in range(0, len(points), size):
        part = points[at : at + size]
        points_write(part, job_id=lease.job_id, tenant_id=lease.tenant_id)


def _random_curve(steps: range, seed: int = 1) -> dict[int, float | None]:
    dice = random.Random(seed)
    return {step: dice.random() for step in steps}


def _buckets_hold(values: dict[int, float | None]) -> None:
    """Each level must tell of all rolled points exactly what the points tell."""
    steps = sorted(values)
    for bucket in MetricBucket.objects.all():
        span = slice(bisect_left(steps, bucket.step_from), bisect_right(steps, bucket.step_to))
        inside = {step: values[step] for step in steps[span]}
        assert (min(inside), max(inside)) == (bucket.step_from, bucket.step_to)
        assert (bucket.low, bucket.high) == (min(inside.values()), max(inside.values()))
        assert values[bucket.low_step] == bucket.low and values[bucket.high_step] == bucket.high
        assert (bucket.first, bucket.last) == (
            values[bucket.step_from],
            values[bucket.step_to],
        )


def test_few_points_are_shown_as_they_are(acme, lease) -> None:
    with acme.scope():
        _write(lease, {1: 0.5, 2: None, 7: 0.25})
        assert job_metrics_series(_job(lease)) == {
            "step": [1, 2, 7],
            "series": {"loss": [0.5, None, 0.25]},
        }


def test_a_thinned_curve_keeps_its_spikes_and_its_ends(acme, lease) -> None:
    values = _random_curve(range(0, 20_000, 2))
    values[14_682], values[8_000] = 99.0, -99.0
    with acme.scope():
        _write(lease, values)
        curve = _loss(lease)
        assert len(curve) <= 500
        assert curve[14_682] == 99 and curve[8_000] == -99
        assert (min(curve), max(curve)) == (0, 19_998)
        assert all(values[step] == value for step, value in curve.items())
        _buckets_hold(values)


def test_a_part_of_the_steps_is_shown_more_finely_down_to_the_points(acme, lease) -> None:
    values = _random_curve(range(10_000))
    with acme.scope():
        _write(lease, values)
        some = _loss(lease, span=Span(first=5_000, last=8_999))
        assert 300 < len(some) <= 500 and min(some) >= 5_000 and max(some) <= 8_999
        few = _loss(lease, span=Span(first=7_000, last=7_099))
        assert few == {step: values[step] for step in range(7_000, 7_100)}
        assert _loss(lease, span=Span(first=9_990)) == {s: values[s] for s in range(9_990, 10_000)}


def test_the_same_report_again_changes_nothing(acme, lease) -> None:
    with acme.scope():
        news = _news(_random_curve(range(1_500)))
        for _ in range(2):
            job_report(lease, news)
        assert MetricPoint.objects.count() == 1_500
        assert MetricBucket.objects.filter(level=1).count() == -(-1_500 // 16)


@pytest.mark.parametrize("back_to", [4_990, 3_000, 40, 0])
def test_steps_done_again_replace_what_was_there(acme, lease, back_to) -> None:
    first, second = _random_curve(range(5_000)), _random_curve(range(back_to, 6_000), seed=2)
    with acme.scope():
        _write(lease, first)
        _write(lease, second)
        truth = {**first, **second}
        points = MetricPoint.objects.order_by("step").values_list("step", "value")
        assert dict(points) == truth
        _buckets_hold(truth)
        assert set(_loss(lease).items()) <= set(truth.items())


def test_a_curve_that_went_back_ends_where_the_training_is(acme, lease) -> None:
    with acme.scope():
        _write(lease, _random_curve(range(3_000)))
        job_report(lease, _news({1_000: 0.5}))
        curve = _loss(lease)
        assert max(curve) == 1_000 and curve[1_000] == 0.5


def test_metrics_of_different_steps_share_one_row_of_steps(acme, lease) -> None:
    with acme.scope():
        job_report(lease, _news({1: 0.1, 3: 0.3}))
        kind = JobEvent.Kind.METRICS
        event = EventDraft(kind=kind, step=4, values={"accuracy": 0.9})
        job_report(lease, News(step=4, total_steps=9, events=(event,)))
        found = job_metrics_series(_job(lease))
        assert found["step"] == [1, 3, 4]
        assert found["series"] == {"accuracy": [None, None, 0.9], "loss": [0.1, 0.3, None]}


def test_reading_asks_the_database_as_often_for_many_points(
    acme, lease, django_assert_num_queries
) -> None:
    with acme.scope():
        _write(lease, _random_curve(range(12_000)), size=2_000)
        job = _job(lease)
        with django_assert_num_queries(3):
            job_curves([job])


def test_a_stranger_has_no_points(acme, globex, lease) -> None:
    with acme.scope():
        _write(lease, {1: 0.5})
        job = _job(lease)
    with globex.scope():
        assert job_curves([job]) == {job.pk: {}}
