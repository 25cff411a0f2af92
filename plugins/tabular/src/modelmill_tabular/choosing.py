"""Which of the trained models answers, chosen and calibrated on held-out rows."""

import numpy as np
from modelmill_sdk import TrainRun

from modelmill_tabular.encoding import Encoded
from modelmill_tabular.models import RowModel
from modelmill_tabular.network import RowNetwork
from modelmill_tabular.params import AVERAGE
from modelmill_tabular.preparation import Prepared
from modelmill_tabular.scores import loss_of, row_losses, temperature_fit
from modelmill_tabular.tables import Floats

_INTERVAL_POINTS = 1_000


def model_choose(
    run: TrainRun, prepared: Prepared, *, stages: list[str], network: RowNetwork | None
) -> RowModel:
    """Make the model that answers, and report the held-out loss of each that could."""
    rows, wanted = prepared.heldout
    model = RowModel(
        encoder=prepared.encoder,
        target=prepared.target,
        stages=stages,
        network=network,
        temperatures={},
        misses=[],
        ignored=prepared.ignored,
    )
    for method in model.methods:
        if method != AVERAGE:
            scores = model.scores(rows, method)
            model.temperatures[method] = temperature_fit(scores, wanted, prepared.target)
    losses = {
        method: loss_of(model.predicted(rows, method), wanted, prepared.target)
        for method in model.methods
    }
    is_open = run.params.model == "auto"
    model.served = _best(model, rows, wanted) if is_open else run.params.model
    if not prepared.target.is_classes:
        misses = np.sort(np.abs(model.predicted(rows)[:, 0] - wanted))
        model.misses = _thinned(misses)
    run.report(**{f"heldout_loss_{name}": loss for name, loss in losses.items()})
    said = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
    what = "log loss" if prepared.target.is_classes else "root mean square in standard deviations"
    why = "is chosen and" if is_open else "was asked for and"
    run.log(f"Held-out {what}: {said}. {model.served} {why} answers.")
    return model


def _best(model: RowModel, rows: Encoded, wanted: Floats) -> str:
    """Choose the average of both, unless one alone is better by more than chance.

    More than chance is a standard error of the difference, row by row: on a few held-out rows the
    better of two is often the luckier, and an average is seldom the worst.
    """
    if AVERAGE not in model.methods:
        return model.methods[0]
    losses = {
        name: row_losses(model.predicted(rows, name), wanted, model.target)
        for name in model.methods
    }
    gains = {name: losses[AVERAGE] - each for name, each in losses.items() if name != AVERAGE}
    best = max(gains, key=lambda name: gains[name].mean())
    chance = gains[best].std(ddof=1) / len(wanted) ** 0.5 if len(wanted) > 1 else np.inf
    return best if gains[best].mean() > chance else AVERAGE


def interval_width(misses: list[float], *, coverage: float) -> float:
    """Give how far from the prediction ``coverage`` of true amounts lie, in spreads.

    Split conformal prediction: Lei et al., "Distribution-free predictive inference for
    regression", JASA 2018. With too few held-out rows for so high a coverage, the largest miss.
    """
    place = int(np.ceil(coverage * (len(misses) + 1))) - 1
    return misses[min(place, len(misses) - 1)]


def _thinned(misses: np.ndarray) -> list[float]:  # type: ignore[type-arg]
    """Keep at most a thousand of the sorted distances, evenly spread, the last among them."""
    if len(misses) > _INTERVAL_POINTS:
        places = np.linspace(0, len(misses) - 1, _INTERVAL_POINTS).round().astype(int)
        misses = misses[places]
    found: list[float] = misses.tolist()
    return found
