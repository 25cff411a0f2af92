"""A search's reads."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from modelmill.billing.costs import subjects_cost_micro
from modelmill.core.errors import NotFound
from modelmill.training.metrics import job_metrics_series
from modelmill.training.models import Job
from modelmill.training.searches.models import Search, Trial


@dataclass(frozen=True, kw_only=True)
class Curve:
    """How a trial's metric went: ``steps`` and ``values`` of the same length."""

    steps: list[int]
    values: list[float]


def search_list() -> QuerySet[Search]:
    """Return the searches in scope with ``trial_count`` and ``over_count``, newest first."""
    return (
        Search.objects.select_related("release__plugin", "tenant", "user")
        .annotate(
            trial_count=Count("trials"), over_count=Count("trials", filter=~Q(trials__outcome=""))
        )
        .order_by("-created_at", "-id")
    )


def access_search(search_id: str) -> Search:
    """Return one search in scope, or raise ``NotFound``."""
    search = search_list().filter(pk=search_id).first()
    if search is None:
        raise NotFound(f"There is no search {search_id!r}.", code="search_not_found")
    return search


def trial_list(search: Search) -> list[Trial]:
    """Return a search's trials with their jobs, in the order they began."""
    rows = Trial.objects.select_related("job__release__plugin", "job__model_version")
    return list(rows.filter(search=search).order_by("number"))


def best_trial(search: Search, trials: Iterable[Trial]) -> Trial | None:
    """Return the finished trial whose metric was best; the earlier one of equals."""
    valued = [t for t in trials if t.outcome == Trial.Outcome.COMPLETE and t.value is not None]
    sign = 1 if search.goal == Search.Goal.MINIMIZE else -1
    return min(valued, key=lambda trial: (sign * (trial.value or 0), trial.number), default=None)


def trial_curve(search: Search, job: Job) -> Curve:
    """Return how the sought metric went in a job, without the points that lack it."""
    found = job_metrics_series(job, [search.metric])
    pairs = [
        (step, float(value))
        for step, value in zip(found["step"], found["series"][search.metric], strict=True)
        if isinstance(value, int | float)
    ]
    return Curve(steps=[step for step, _value in pairs], values=[value for _step, value in pairs])


def trial_value(search: Search, job: Job) -> float | None:
    """Return the best the metric has been in a job: on its curve, or of its finished model."""
    values = trial_curve(search, job).values
    version = job.model_version
    final: Any = version.metrics.get(search.metric) if version is not None else None
    if isinstance(final, int | float) and not isinstance(final, bool):
        values.append(float(final))
    if not values:
        return None
    return min(values) if search.goal == Search.Goal.MINIMIZE else max(values)


def trials_cost_micro(search: Search, trials: Iterable[Trial]) -> dict[int, int]:
    """Return what the trials have cost so far, by number; a constant number of queries."""
    jobs = {trial.job_id: trial.number for trial in trials if trial.job_id is not None}
    costs = subjects_cost_micro(search.tenant_id, jobs)
    return {number: costs.get(job_id, 0) for job_id, number in jobs.items()}


def metrics_seen(plugin_id: str) -> list[str]:
    """Return the names of metrics that jobs of a plugin in scope have reported, held-out first."""
    rows = Job.objects.filter(release__plugin_id=plugin_id).exclude(metrics={}).order_by("-id")
    names = {name for metrics in rows.values_list("metrics", flat=True)[:20] for name in metrics}
    return sorted(names, key=lambda name: (not _is_held_out(name), name))


def _is_held_out(name: str) -> bool:
    return any(word in name for word in ("held", "valid"))
