"""The next trial's parameters: the grid in its order, or what Optuna's samplers draw."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelmill.training.searches.models import Search, Trial
from modelmill.training.searches.space import grid_of

# Drawn at random before the guided sampler has seen enough to guess.
_RANDOM_FIRST = 5


def parameters_next(search: Search, trials: Sequence[Trial]) -> dict[str, Any] | None:
    """Return the parameters of the trial after ``trials``; None when the grid is done.

    The search's seed and the trial's number decide what is drawn, and for a
    guided search what the trials before it gave (tree-structured Parzen
    estimator; Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
    2011).
    """
    number = len(trials)
    if search.method == Search.Method.GRID:
        combinations = grid_of(search.space)
        return combinations[number] if number < len(combinations) else None
    return _drawn(search, trials, seed=search.seed + number)


def _drawn(search: Search, trials: Sequence[Trial], *, seed: int) -> dict[str, Any]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {name: _distribution(entry) for name, entry in search.space.items()}
    sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed=seed)
    if search.method == Search.Method.GUIDED:
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_RANDOM_FIRST)
    study = optuna.create_study(
        direction="minimize" if search.goal == Search.Goal.MINIMIZE else "maximize", sampler=sampler
    )
    for trial in trials:
        if trial.value is not None:
            study.add_trial(
                optuna.trial.create_trial(
                    params=_chosen(search, trial.parameters),
                    distributions=space,
                    value=trial.value,
                )
            )
    drawn = study.ask(space).params
    return {name: _value(search.space[name], value) for name, value in drawn.items()}


def _distribution(entry: Mapping[str, Any]) -> Any:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if "values" in entry:
        # By place, as a value may be anything JSON can say.
        return CategoricalDistribution(range(len(entry["values"])))
    kind = IntDistribution if entry["whole"] else FloatDistribution
    return kind(entry["min"], entry["max"], log=entry["log"])


def _chosen(search: Search, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: entry["values"].index(parameters[name]) if "values" in entry else parameters[name]
        for name, entry in search.space.items()
    }


def _value(entry: Mapping[str, Any], drawn: Any) -> Any:
    if "values" in entry:
        return entry["values"][drawn]
    # Digits that nobody can tell apart only make a table hard to read.
    return drawn if entry["whole"] else min(max(float(f"{drawn:.4g}"), entry["min"]), entry["max"])
