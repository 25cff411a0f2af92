"""The curves of a job: thinned to be drawn, or point by point.

A thinned curve is read from buckets of the level that has a little more of them
than the curve has points, so its cost does not grow with the job's.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, F, Q

from modelmill.training.models import Job, MetricBucket, MetricPoint, MetricSeries
from modelmill.training.services.points import BUCKET_POINTS, LEVEL_FACTOR

MAX_POINTS = 500

MAX_STEP = 1 << 62

Point = tuple[int, float | None]


@dataclass(kw_only=True)
class Curve:
    """One metric: values at steps, both of the same length, the steps ascending."""

    steps: list[int] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Span:
    """The steps to look at, both ends among them."""

    first: int = 0
    last: int = MAX_STEP

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off."""
        return self.first <= 0 and self.last >= MAX_STEP


WHOLE = Span()


def job_curves(
    jobs: Sequence[Job],
    names: Iterable[str] = (),
    *,
    max_points: int = MAX_POINTS,
    span: Span = WHOLE,
) -> dict[str, dict[str, Curve]]:
    """Return the curves of jobs by job and metric, each of at most ``max_points`` points.

    All metrics when no names are given. Every point is a value at its own step:
    of each stretch its smallest and its largest, and the first and last of the
    span. A handful of queries, however many jobs, metrics and points.
    """
    rows = MetricSeries.objects.filter(job__in=[job.pk for job in jobs], points__gt=0)
    wanted = set(names)
    series = [one for one in rows.order_by("name") if not wanted or one.name in wanted]
    found: dict[int, list[Point]] = {one.pk: [] for one in series}
    levels = _levels(series, span=span, max_points=max_points)
    for series_id, points in _bucket_points(levels, span):
        found[series_id] += points
    for series_id, step, value in _raw_points(levels, span):
        found[series_id].append((step, value))
    curves: dict[str, dict[str, Curve]] = {job.pk: {} for job in jobs}
    for one in series:
        points = _thinned(found[one.pk], max_points)
        steps, values = [step for step, _ in points], [value for _, value in points]
        curves[one.job_id][one.name] = Curve(steps=steps, values=values)
    return curves


def job_metrics_series(
    job: Job, names: Iterable[str] = (), *, max_points: int = MAX_POINTS, span: Span = WHOLE
) -> dict[str, Any]:
    """Return curves as ``{"step": […], "series": {name: […]}}`` over one row of steps.

    Each series has at most ``max_points`` values, and None at steps that only
    others have. Steps done again after a crash show their newest value.
    """
    wanted = list(names)
    curves = job_curves([job], wanted, max_points=max_points, span=span)[job.pk]
    chosen = {name: curves.get(name, Curve()) for name in wanted or sorted(curves)}
    return curves_aligned(chosen)


def curves_by_metric(
    jobs: Sequence[Job], names: Iterable[str] = (), *, max_points: int = MAX_POINTS
) -> dict[str, dict[str, Any]]:
    """Return ``{name: {"step": […], "values": [[…], …]}}``, the values in the jobs' order.

    Metrics that more of the jobs have come first; a job without one has None at every step.
    """
    curves = job_curves(jobs, names, max_points=max_points)
    counts = Counter(name for job in jobs for name in curves[job.pk])
    found = {}
    for name in sorted(counts, key=lambda one: (-counts[one], one)):
        aligned = curves_aligned({job.pk: curves[job.pk].get(name, Curve()) for job in jobs})
        values = [aligned["series"][job.pk] for job in jobs]
        found[name] = {"step": aligned["step"], "values": values}
    return found


def curves_aligned(curves: dict[str, Curve]) -> dict[str, Any]:
    """Lay curves over one row of steps, with None where a curve has no point."""
    steps = sorted({step for curve in curves.values() for step in curve.steps})
    series = {}
    for name, curve in curves.items():
        known = dict(zip(curve.steps, curve.values, strict=True))
        series[name] = [known.get(step) for step in steps]
    return {"step": steps, "series": series}


def _levels(
    series: Sequence[MetricSeries], *, span: Span, max_points: int
) -> dict[MetricSeries, int]:
    """Choose for each series the level to read; 0 is its points themselves."""
    levels = {one: _level_for(one.points, max_points) for one in series}
    if span.is_whole:
        return levels
    while any(levels.values()):
        counts = _bucket_counts(levels, span)
        finer = {
            # The two at the edges may hold more points inside the span than those counted.
            one: min(level, _level_for((counts.get(one.pk, 0) + 2) * _size(level), max_points))
            for one, level in levels.items()
        }
        if finer == levels:
            break
        levels = finer
    return levels


def _level_for(points: int, max_points: int) -> int:
    level = 0
    while points > 4 * max_points * (_size(level) if level else 1):
        level += 1
    return level


def _size(level: int) -> int:
    return int(BUCKET_POINTS * LEVEL_FACTOR ** (level - 1)) if level else 1


def _buckets_of(levels: dict[MetricSeries, int], span: Span) -> Q:
    chosen = Q(pk__in=[])
    for level in sorted(set(levels.values()) - {0}):
        ids = [one.pk for one in levels if levels[one] == level]
        chosen |= Q(level=level, series__in=ids)
    # The ends of a bucket: one that lies across the span's begin is looked at, too.
    return chosen & Q(step_from__lte=span.last, step_to__gte=span.first)


def _bucket_counts(levels: dict[MetricSeries, int], span: Span) -> dict[int, int]:
    rows = MetricBucket.objects.filter(_buckets_of(levels, span)).values("series")
    return dict(rows.annotate(count=Count("pk")).values_list("series", "count"))


def _bucket_points(
    levels: dict[MetricSeries, int], span: Span
) -> Iterable[tuple[int, list[Point]]]:
    if not any(levels.values()):
        return
    rows = MetricBucket.objects.filter(_buckets_of(levels, span)).order_by("series", "step_from")
    columns = ("step_from", "first", "low_step", "low", "high_step", "high", "step_to", "last")
    for series_id, *row in rows.values_list("series", *columns):
        points = sorted(dict(zip(row[::2], row[1::2], strict=True)).items())
        yield series_id, [(s, v) for s, v in points if span.first <= s <= span.last]


def _raw_points(
    levels: dict[MetricSeries, int], span: Span
) -> Iterable[tuple[int, int, float | None]]:
    raw = [one.pk for one, level in levels.items() if level == 0]
    rest = [one.pk for one, level in levels.items() if level]
    for ids, behind in ((raw, None), (rest, F("series__rolled_step"))):
        if not ids:
            continue
        rows = MetricPoint.objects.filter(series__in=ids)
        if not span.is_whole:
            rows = rows.filter(step__gte=span.first, step__lte=span.last)
        if behind is not None:
            rows = rows.filter(step__gt=behind)
        yield from rows.order_by("series", "step").values_list("series", "step", "value")


def _thinned(points: list[Point], max_points: int) -> list[Point]:
    """Keep the first, the last, and of each stretch between the smallest and the largest."""
    if len(points) <= max_points:
        return points
    inner, stretches = points[1:-1], max(1, (max_points - 2) // 2)
    kept = [points[0]]
    for i in range(stretches):
        part = inner[len(inner) * i // stretches : len(inner) * (i + 1) // stretches]
        known = [(value, step) for step, value in part if value is not None]
        if known:
            kept += sorted({(step, value) for value, step in (min(known), max(known))})
    return [*kept, points[-1]] if max_points > 1 else kept
