"""The points of a job's curves: written with each report, gathered into buckets now and then.

Buckets keep their ends and extremes, so that a thinned curve still shows every
spike; after M4 (Jugel, Jerzak, Hackenbroich, Markl: "M4: A Visualization-Oriented
Time Series Data Aggregation", PVLDB 7(10), 2014), kept as a pyramid of levels
rather than computed for each query.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from modelmill.core.clock import database_now
from modelmill.training.curves import NAME_MAX, SERIES_MAX, MetricBucket, MetricPoint, MetricSeries

BUCKET_POINTS = 16
LEVEL_FACTOR = 4
ROLL_AT = 1024

_INSERT_ROWS = 1_000
_COUNTED = ["points", "last_step", "rolled_step", "unrolled"]


def points_write(
    found: Iterable[tuple[int, dict[str, Any]]], *, job_id: str, tenant_id: str
) -> None:
    """Store metrics by their steps, in the caller's transaction, which holds the job's lease.

    A step that is not behind the newest one was done again: the curves then go
    back to it, and on from there. So the same points again change nothing. Of
    more than 200 names the rest is left out.
    """
    by_name = _by_name(found)
    if not by_name:
        return
    known = {one.name: one for one in MetricSeries.objects.filter(job_id=job_id)}
    _again(known.values(), min(min(points) for points in by_name.values()))
    _series_make(known, by_name, job_id=job_id, tenant_id=tenant_id)
    at_ms = int(database_now().timestamp() * 1000)
    rows = []
    for name, points in by_name.items():
        series = known.get(name)
        if series is None:
            continue
        rows += [
            MetricPoint(tenant_id=tenant_id, series=series, step=step, value=value, at_ms=at_ms)
            for step, value in points.items()
        ]
        series.points += len(points)
        series.unrolled += len(points)
        series.last_step = max(points)
    MetricPoint.objects.bulk_create(rows, batch_size=_INSERT_ROWS)
    for series in known.values():
        if series.unrolled >= ROLL_AT:
            _roll(series)
    MetricSeries.objects.bulk_update(known.values(), _COUNTED)


def _by_name(found: Iterable[tuple[int, dict[str, Any]]]) -> dict[str, dict[int, float | None]]:
    by_name: dict[str, dict[int, float | None]] = {}
    for step, values in found:
        for name, value in values.items():
            number = float(value) if isinstance(value, int | float) else None
            by_name.setdefault(name[:NAME_MAX], {})[step] = number
    return by_name


def _series_make(
    known: dict[str, MetricSeries], names: Iterable[str], *, job_id: str, tenant_id: str
) -> None:
    fresh = sorted(name for name in names if name not in known)[: SERIES_MAX - len(known)]
    if fresh:
        MetricSeries.objects.bulk_create(
            MetricSeries(tenant_id=tenant_id, job_id=job_id, name=name) for name in fresh
        )
        made = MetricSeries.objects.filter(job_id=job_id, name__in=fresh)
        known |= {one.name: one for one in made}


def _again(known: Iterable[MetricSeries], step: int) -> None:
    """Take every series back behind ``step``."""
    for series in known:
        if series.last_step < step:
            continue
        points = MetricPoint.objects.filter(series=series)
        gone, _by_table = points.filter(step__gte=step).delete()
        series.points -= gone
        newest = points.order_by("-step").values_list("step", flat=True).first()
        series.last_step = -1 if newest is None else newest
        if series.rolled_step >= step:
            MetricBucket.objects.filter(series=series, step_to__gte=step).delete()
            _roll(series)
        else:
            series.unrolled -= min(gone, series.unrolled)


def _roll(series: MetricSeries) -> None:
    """Bring the buckets of every level up to the newest point."""
    begin = _open_from(series, level=1)
    points = MetricPoint.objects.filter(series=series, step__gte=begin).order_by("step")
    leaves = [_Leaf(step, value) for step, value in points.values_list("step", "value").iterator()]
    level, made = 1, _level_write(series, 1, leaves, size=BUCKET_POINTS)
    while made:
        begin = _open_from(series, level=level + 1)
        below = MetricBucket.objects.filter(series=series, level=level, step_from__gte=begin)
        rows = list(below.order_by("step_from"))
        if begin < 0 and len(rows) <= LEVEL_FACTOR:
            break
        level += 1
        made = _level_write(series, level, rows, size=LEVEL_FACTOR)
    series.rolled_step, series.unrolled = series.last_step, 0


def _open_from(series: MetricSeries, *, level: int) -> int:
    """Return where a level's last bucket begins; -1 when the level is empty."""
    rows = MetricBucket.objects.filter(series=series, level=level).order_by("-step_from")
    found = rows.values_list("step_from", flat=True).first()
    return -1 if found is None else found


class _Leaf:
    """A point in the form of a bucket."""

    def __init__(self, step: int, value: float | None) -> None:
        self.step_from = self.step_to = self.low_step = self.high_step = step
        self.first = self.last = self.low = self.high = value


def _level_write(
    series: MetricSeries, level: int, parts: Sequence[MetricBucket | _Leaf], *, size: int
) -> bool:
    """Gather parts into buckets in the place of those that begin there; False if there are none."""
    if not parts:
        return False
    rows = MetricBucket.objects.filter(series=series, level=level)
    rows.filter(step_from__gte=parts[0].step_from).delete()
    MetricBucket.objects.bulk_create(
        (_gathered(series, level, parts[at : at + size]) for at in range(0, len(parts), size)),
        batch_size=_INSERT_ROWS,
    )
    return True


def _gathered(
    series: MetricSeries, level: int, parts: Sequence[MetricBucket | _Leaf]
) -> MetricBucket:
    low, low_step = min(
        ((p.low, p.low_step) for p in parts if p.low is not None),
        default=(None, parts[0].low_step),
    )
    high, high_step = max(
        ((p.high, p.high_step) for p in parts if p.high is not None),
        default=(None, parts[0].high_step),
    )
    return MetricBucket(
        tenant_id=series.tenant_id,
        series=series,
        level=level,
        step_from=parts[0].step_from,
        step_to=parts[-1].step_to,
        first=parts[0].first,
        last=parts[-1].last,
        low=low,
        low_step=low_step,
        high=high,
        high_step=high_step,
    )
