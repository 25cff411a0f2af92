"""Several jobs side by side: what differs between them, and which did best."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from modelmill.billing.costs import subjects_cost_micro
from modelmill.core.clock import database_now
from modelmill.core.errors import InvalidRequest, NotFound
from modelmill.datasets.models import DatasetVersion
from modelmill.training.models import Attempt, Job, JobEvent
from modelmill.training.progress import attempts_spent_s
from modelmill.training.selectors import job_list

COMPARED_MAX = 6

# Names by which plugins say whether less or more is better; others have no best.
_LESS = ("loss", "error", "perplexity", "fid", "rmse", "mae", "mse", "logloss", "brier", "ece")
_MORE = ("accuracy", "acc", "auc", "f1", "precision", "recall", "r2", "ndcg", "map", "mrr", "hit")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table with a cell for each job; ``best`` are the indexes of the best."""

    name: str
    values: list[Any]
    best: frozenset[int] = frozenset()

    @property
    def differs(self) -> bool:
        """Whether not all the cells say the same."""
        return any(value != self.values[0] for value in self.values)

    @property
    def cells(self) -> list[tuple[Any, bool]]:
        """Each value, and whether it is the best."""
        return [(value, index in self.best) for index, value in enumerate(self.values)]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a comparison shows beside curves and samples; every list is in the jobs' order."""

    jobs: list[Job]
    data: list[DatasetVersion | None]
    costs_micro: list[int]
    seconds: list[int | None]
    parameters: list[Row]
    metrics: list[Row]


def access_jobs(job_ids: Iterable[str]) -> list[Job]:
    """Return jobs in scope in the order they were named, each once.

    Raises ``InvalidRequest`` unless there are two to six, ``NotFound`` when one is not there.
    """
    wanted = list(dict.fromkeys(job_ids))
    if not 2 <= len(wanted) <= COMPARED_MAX:
        raise InvalidRequest(_("Choose from two to six jobs to compare."), param="ids")
    known = {job.pk: job for job in job_list().filter(pk__in=wanted)}
    for job_id in wanted:
        if job_id not in known:
            raise NotFound(f"There is no fine-tuning job {job_id!r}.", code="job_not_found")
    return [known[job_id] for job_id in wanted]


def jobs_compared(jobs: Sequence[Job]) -> Compared:
    """Lay jobs side by side. A handful of queries, however many jobs."""
    costs = subjects_cost_micro(jobs[0].tenant_id, [job.pk for job in jobs])
    versions = DatasetVersion.objects.select_related("dataset")
    data = versions.in_bulk([job.training_version_id for job in jobs])
    return Compared(
        jobs=list(jobs),
        data=[data.get(job.training_version_id) for job in jobs],
        costs_micro=[costs.get(job.pk, 0) for job in jobs],
        seconds=_seconds(jobs),
        parameters=_rows([job.parameters for job in jobs]),
        metrics=[_marked(row) for row in _rows([_final(job) for job in jobs])],
    )


def names_once(samples: Iterable[Iterable[JobEvent]]) -> list[str]:
    """Name the samples that no job shows twice, such as a confusion matrix: they have no steps."""
    counts = [Counter(str(one.values.get("name", "")) for one in events) for events in samples]
    names = dict.fromkeys(name for count in counts for name in count)
    return [name for name in names if all(count[name] < 2 for count in counts)]


def _final(job: Job) -> dict[str, Any]:
    """The finished model's metrics over those that the job told last."""
    return {**job.metrics, **(job.model_version.metrics if job.model_version else {})}


def _seconds(jobs: Sequence[Job]) -> list[int | None]:
    """Return how long workers had each job; None for one that none had, or that is not over."""
    now, by_job = database_now(), defaultdict[str, list[Attempt]](list)
    for attempt in Attempt.objects.filter(job__in=jobs).only("job_id", "started_at", "ended_at"):
        by_job[attempt.job_id].append(attempt)
    spent = {job_id: int(attempts_spent_s(held, now)) for job_id, held in by_job.items()}
    return [spent.get(job.pk) if job.is_over else None for job in jobs]


def _rows(cells: Sequence[dict[str, Any]]) -> list[Row]:
    names = dict.fromkeys(name for one in cells for name in one)
    return [Row(name=name, values=[one.get(name) for one in cells]) for name in names]


def _marked(row: Row) -> Row:
    sign = _better(row.name)
    known = [value for value in row.values if isinstance(value, int | float)]
    if not sign or len(known) < 2 or not row.differs:
        return row
    best = max(known, key=lambda value: sign * value)
    found = frozenset(index for index, value in enumerate(row.values) if value == best)
    return Row(name=row.name, values=row.values, best=found)


def _better(name: str) -> int:
    """Return 1 when more is better, -1 when less is, 0 when the name does not tell."""
    words = name.lower().replace("-", "_").replace("@", "_").split("_")
    if any(word in _LESS for word in words):
        return -1
    return 1 if any(word in _MORE for word in words) else 0
