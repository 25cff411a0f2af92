"""Everything needed to go on after a step: trees, networks, and the optimizer of the last."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from modelmill_sdk import CustomerError
from modelmill_sdk.learning.state import facts_read, state_restore, state_save

from modelmill_tabular.boosting import Grown
from modelmill_tabular.learning import Learner, Taught
from modelmill_tabular.network import RowNetwork

_TREES = "trees.json"
_LEARNER = "network"


def checkpoint_save(
    folder: Path, growns: Sequence[Grown], taught: Sequence[Taught], learner: Learner | None
) -> None:
    """Write the training into an empty folder; without a learner only trees were grown so far."""
    grown = [asdict(one) for one in growns]
    (folder / _TREES).write_text(json.dumps({"folds": grown}), encoding="utf-8")
    if learner is None:
        return
    inside = folder / _LEARNER
    inside.mkdir()
    state_save(
        inside,
        networks={"rows": learner.network, **_named([one.network for one in taught])},
        optimizers={"adamw": learner.optimizer},
        tensors=learner.best.weights,
        facts={
            "step": learner.step,
            "best": learner.best.as_json(),
            "taught": [one.steps for one in taught],
        },
    )


def growns_restore(folder: Path | None) -> list[Grown]:
    """Read the trees of a checkpoint, or none. Raises CustomerError for one of release 0.1."""
    if folder is None:
        return []
    found = json.loads((folder / _TREES).read_text(encoding="utf-8"))
    if "folds" not in found:
        raise CustomerError(
            "This checkpoint is of an older release of Tables, whose trainings cannot be gone on "
            "with. Start the job again."
        )
    return [Grown(**one) for one in found["folds"]]


def taught_restore(folder: Path | None, make: Callable[[], RowNetwork]) -> list[Taught]:
    """Read the networks that a checkpoint has finished; ``make`` gives a fresh one."""
    if folder is None or not (folder / _LEARNER).exists():
        return []
    inside = folder / _LEARNER
    networks = [make() for _ in facts_read(inside)["taught"]]
    facts, _ = state_restore(inside, networks=_named(networks), optimizers={})
    return [Taught(*pair) for pair in zip(networks, facts["taught"], strict=True)]


def _named(networks: Sequence[RowNetwork]) -> dict[str, RowNetwork]:
    return {f"taught{fold}": network for fold, network in enumerate(networks)}


def learner_restore(folder: Path | None, learner: Learner, *, fold: int) -> None:
    """Put a checkpoint's unfinished network back, if it is this fold's."""
    if folder is None or not (folder / _LEARNER).exists():
        return
    if len(facts_read(folder / _LEARNER)["taught"]) != fold:
        return
    facts, weights = state_restore(
        folder / _LEARNER,
        networks={"rows": learner.network},
        optimizers={"adamw": learner.optimizer},
    )
    learner.step = facts["step"]
    kept, best = facts["best"], learner.best
    best.score, best.step, best.worse_in_a_row = kept["score"], kept["step"], kept["worse_in_a_row"]
    best.weights = weights
