"""Which trials are not worth going on with: asynchronous successive halving.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020,
in its stopping form. A trial's resource is the share of its own training that
is done, so trials of different lengths compare. At each rung a trial is
measured once, against all that were measured there before, and goes on when it
is among the best third.
"""

import math
from collections.abc import Sequence

from modelmill.training.searches.models import Search, Trial
from modelmill.training.searches.selectors import Curve

# In percent of a training; a rung further on would save too little.
RUNGS = (11, 33)
FACTOR = 3


def rungs_reached(trial: Trial, curve: Curve, *, is_minimized: bool) -> dict[str, float]:
    """Return the best of the metric up to each rung the trial has passed, without those it knows.

    A rung counts as passed with the first point at or behind it.
    """
    assert trial.job is not None
    total = trial.job.total_steps
    fresh = {}
    for rung in RUNGS:
        border = total * rung / 100
        if str(rung) in trial.rungs or not total or not curve.steps or curve.steps[-1] < border:
            continue
        until = next(place for place, step in enumerate(curve.steps) if step >= border)
        seen = [value for value in curve.values[: until + 1] if math.isfinite(value)]
        worst = math.inf if is_minimized else -math.inf
        fresh[str(rung)] = (min if is_minimized else max)(seen, default=worst)
    return fresh


def goes_on(value: float, others: Sequence[float], *, is_minimized: bool) -> bool:
    """Say whether a value is among the best third of itself and the others; the best always is."""
    better = sum(1 for other in others if (other < value if is_minimized else other > value))
    return better < max(1, (len(others) + 1) // FACTOR)


def trial_behind(search: Search, trial: Trial, trials: Sequence[Trial], curve: Curve) -> int | None:
    """Measure a running trial at the rungs it has newly passed; return the rung it fails at.

    What it measured stands in ``trial.rungs`` afterwards, for the caller to store.
    """
    is_minimized = search.goal == Search.Goal.MINIMIZE
    for rung, value in rungs_reached(trial, curve, is_minimized=is_minimized).items():
        others = [t.rungs[rung] for t in trials if t.pk != trial.pk and rung in t.rungs]
        trial.rungs[rung] = value
        if not math.isfinite(value) or not goes_on(value, others, is_minimized=is_minimized):
            return int(rung)
    return None
