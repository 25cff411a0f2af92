"""Which of the trained models answers, chosen and calibrated on held-out rows."""

from collections.abc import Iterable

import numpy as np
from modelmill_sdk import TrainRun

from modelmill_tabular.models import RowModel
from modelmill_tabular.network import RowNetwork
from modelmill_tabular.params import AVERAGE
from modelmill_tabular.preparation import Prepared
from modelmill_tabular.scores import loss_of, row_losses, temperature_fit
from modelmill_tabular.tables import Floats
from modelmill_tabular.targets import Target

_CLEARLY = 2.0
_INTERVAL_POINTS = 1_000


def model_choose(
    run: TrainRun, prepared: Prepared, *, stages: list[list[str]], networks: list[RowNetwork]
) -> RowModel:
    """Make the model that answers, and report the held-out loss of each that could."""
    model = RowModel(
        encoder=prepared.encoder,
        target=prepared.target,
        stages=stages,
        networks=networks,
        temperatures={},
        misses=[],
        ignored=prepared.ignored,
    )
    # A training that was ended early may have more trees than networks: all are judged by the same.
    count = min(model.fold_count(method) for method in model.methods)
    heldout = [prepared.heldout(fold) for fold in range(count)]
    wanted = np.concatenate([answers for _, answers in heldout])
    for method in model.methods:
        if method != AVERAGE:
            scores = _joined(
                model.scores(rows, method, fold=fold) for fold, (rows, _) in enumerate(heldout)
            )
            model.temperatures[method] = temperature_fit(scores, wanted, prepared.target)
    predicted = {
        method: _joined(
            model.predicted_by(fold, rows, method) for fold, (rows, _) in enumerate(heldout)
        )
        for method in model.methods
    }
    losses = {name: loss_of(each, wanted, prepared.target) for name, each in predicted.items()}
    asked = run.params.model
    # Finished early there may be no network yet: then the trees answer for whatever was asked.
    is_open = asked not in model.methods
    model.served = _best(predicted, wanted, prepared.target) if is_open else asked
    if not prepared.target.is_classes:
        misses = np.sort(np.abs(predicted[model.served][:, 0] - wanted))
        model.misses = _thinned(misses)
    run.report(**{f"heldout_loss_{name}": loss for name, loss in losses.items()})
    said = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
    what = "log loss" if prepared.target.is_classes else "root mean square in standard deviations"
    why = "is chosen and" if is_open else "was asked for and"
    run.log(f"Held-out {what}: {said}. {model.served} {why} answers.")
    return model


def _joined(parts: Iterable[Floats]) -> Floats:
    return np.concatenate(list(parts))


def _best(predicted: dict[str, Floats], wanted: Floats, target: Target) -> str:
    """Choose the average of both, unless one alone is better by more than chance.

    More than chance is two standard errors of the difference, row by row: on a few held-out rows
    the better of two is often the luckier, and an average is seldom the worst.
    """
    if AVERAGE not in predicted:
        return next(iter(predicted))
    losses = {name: row_losses(each, wanted, target) for name, each in predicted.items()}
    gains = {name: losses[AVERAGE] - each for name, each in losses.items() if name != AVERAGE}
    best = max(gains, key=lambda name: gains[name].mean())
    chance = gains[best].std(ddof=1) / len(wanted) ** 0.5 if len(wanted) > 1 else np.inf
    return best if gains[best].mean() > _CLEARLY * chance else AVERAGE


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
