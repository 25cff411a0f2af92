"""Everything needed to go on after a step: the trees so far, the network and its optimizer."""

import json
from dataclasses import asdict
from pathlib import Path

from modelmill_sdk.learning.state import state_restore, state_save

from modelmill_tabular.boosting import Grown
from modelmill_tabular.learning import Learner

_TREES = "trees.json"
_LEARNER = "network"


def checkpoint_save(folder: Path, grown: Grown, learner: Learner | None) -> None:
    """Write the training into an empty folder; without a learner only trees were grown so far."""
    (folder / _TREES).write_text(json.dumps(asdict(grown)), encoding="utf-8")
    if learner is None:
        return
    inside = folder / _LEARNER
    inside.mkdir()
    state_save(
        inside,
        networks={"rows": learner.network},
        optimizers={"adamw": learner.optimizer},
        tensors=learner.best.weights,
        facts={"step": learner.step, "best": learner.best.as_json()},
    )


def grown_restore(folder: Path | None) -> Grown:
    """Read the trees of a checkpoint, or none."""
    if folder is None:
        return Grown()
    return Grown(**json.loads((folder / _TREES).read_text(encoding="utf-8")))


def learner_restore(folder: Path | None, learner: Learner) -> None:
    """Put a checkpoint's network back, if the checkpoint has come to it."""
    if folder is None or not (folder / _LEARNER).exists():
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
