"""A million metric points of one job: what writing them costs, and what a curve of 500 of them.

Beside it the textbook way: every point read and thinned in Python. Runs on SQLite, or on
``DATABASE_URL``.
"""

import math
import random
import statistics
import time
from collections.abc import Callable

from benchmarks.database import BenchPlace, database

_POINTS, _SMALL_POINTS = 1_000_000, 4_000
_REPORT_POINTS = 500
_ROUNDS = 15


def main(*, small: bool) -> None:
    """Write the points as a worker's reports do, and read curves of them."""
    with database():
        _run(_SMALL_POINTS if small else _POINTS)


def _run(count: int) -> None:
    from django.db import connection
    from modelmill.core.scope import tenant_scope
    from modelmill.training.metrics import Span, job_curves
    from modelmill.training.models import MetricBucket, MetricPoint

    from tests.making import job_make

    place = BenchPlace()
    tenant, job = place.tenant, job_make(place)
    with tenant_scope(tenant.pk):
        write_s = _write(job.pk, tenant.pk, count)
        print(f"{connection.vendor}: {count} points in reports of {_REPORT_POINTS}")
        print(
            f"written in {write_s:.1f} s: {write_s / count * _REPORT_POINTS * 1e3:.1f} ms a report"
        )
        print(f"rows: {MetricPoint.objects.count()} points, {MetricBucket.objects.count()} buckets")
        arms: dict[str, Callable[[], int]] = {
            "whole curve, 500 points": lambda: _length(job_curves([job])),
            "a tenth of the steps": lambda: _length(
                job_curves([job], span=Span(first=count // 2, last=count // 2 + count // 10))
            ),
            "300 steps, each point": lambda: _length(
                job_curves([job], span=Span(first=count // 3, last=count // 3 + 299))
            ),
        }
        ours_ms, *_rest = [_median_ms(n, arm, rounds=_ROUNDS) for n, arm in arms.items()]
        naive_ms = _median_ms("textbook: read all, thin in Python", lambda: _naive(), rounds=3)
        print(f"ratio to the textbook: {naive_ms / ours_ms:.1f}")


def _write(job_id: str, tenant_id: str, count: int) -> float:
    from django.db import transaction
    from modelmill.training.services.points import points_write

    dice, began_at = random.Random(1), time.perf_counter()
    for at in range(0, count, _REPORT_POINTS):
        steps = range(at, min(at + _REPORT_POINTS, count))
        points = [(s, {"loss": math.exp(-s / count) + dice.gauss(0, 0.05)}) for s in steps]
        with transaction.atomic():
            points_write(points, job_id=job_id, tenant_id=tenant_id)
    return time.perf_counter() - began_at


def _naive() -> int:
    from modelmill.training.models import MetricPoint

    rows = list(MetricPoint.objects.order_by("step").values_list("step", "value"))
    return len(rows[:: max(1, len(rows) // 500)])


def _length(curves: dict) -> int:  # type: ignore[type-arg]
    (by_name,) = curves.values()
    return len(by_name["loss"].steps)


def _median_ms(name: str, arm: Callable[[], int], *, rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        began_at = time.perf_counter()
        length = arm()
        taken.append((time.perf_counter() - began_at) * 1e3)
    median = statistics.median(taken)
    print(f"{name}: {median:.1f} ms median, {max(taken):.1f} ms worst, {length} points")
    return median
