"""Tables: our trees and our choice beside scikit-learn's HistGradientBoosting.

The real tables that scikit-learn brings: breast cancer, wine, digits (classes; log loss) and
diabetes (an amount; root mean square). A round is another split of the rows, the same for all
arms: a fifth is the test, which no arm sees before. The peer learns from all the rest with its own
defaults, and once more with its own early stopping; ours keeps an eighth of the rest to stop and
choose by.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS = 5
SETS = ("breast_cancer", "wine", "digits", "diabetes")
SETS_SMALL = ("wine",)
PEER, PEER_STOPPED = "HistGradientBoosting", "the same, stopping early"
TREES, OURS = "ours: trees", "ours: auto"

Figures = tuple[float, float, float]


def main(*, small: bool = False) -> None:
    """Print loss and seconds of each arm; fail where ours does not beat guessing what is usual."""
    rounds = 1 if small else int(os.environ.get("ROUNDS", ROUNDS))
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} at start; seeds 0 to {rounds - 1}"
    )
    for name in SETS_SMALL if small else os.environ.get("SETS", " ".join(SETS)).split():
        features, answers, is_classes = _load(name)
        # Once without counting: it imports what each arm needs.
        for run in _arms(is_classes).values():
            run(features[:300], answers[:300], 0)
        what = "log loss, accuracy" if is_classes else "RMSE, R²"
        print(
            f"\n{name}: {len(answers)} rows, {features.shape[1]} columns; {what}; lower loss wins"
        )
        results: dict[str, list[Figures]] = {}
        for seed in range(rounds):
            for arm, run in _arms(is_classes).items():
                # Processor time: a busy machine is fair to all.
                began = time.process_time()
                loss, score = run(features, answers, seed)
                took_s = time.process_time() - began
                results.setdefault(arm, []).append((loss, score, took_s))
        _print(results)
        _check(results, answers, is_classes=is_classes)
    print(f"load {os.getloadavg()[0]:.2f} at the end")


def _arms(is_classes: bool) -> dict[str, Callable[..., tuple[float, float]]]:
    return {
        PEER: lambda x, y, seed: _peer(x, y, seed, is_classes=is_classes, stops=False),
        PEER_STOPPED: lambda x, y, seed: _peer(x, y, seed, is_classes=is_classes, stops=True),
        TREES: lambda x, y, seed: _ours(x, y, seed, model="boosting", is_classes=is_classes),
        OURS: lambda x, y, seed: _ours(x, y, seed, model="auto", is_classes=is_classes),
    }


def _load(name: str) -> tuple[Any, Any, bool]:
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    return found.data, found.target, name != "diabetes"


def _split(count: int, seed: int) -> tuple[Any, Any]:
    order = np.random.default_rng(seed).permutation(count)
    return order[count // 5 :], order[: count // 5]


def _peer(x: Any, y: Any, seed: int, *, is_classes: bool, stops: bool) -> tuple[float, float]:
    from sklearn import ensemble, metrics

    learned, test = _split(len(y), seed)
    if is_classes:
        model = ensemble.HistGradientBoostingClassifier(early_stopping=stops, random_state=seed)
        model.fit(x[learned], y[learned])
        sure = model.predict_proba(x[test])
        loss = metrics.log_loss(y[test], sure, labels=model.classes_)
        return float(loss), float((model.classes_[sure.argmax(1)] == y[test]).mean())
    model = ensemble.HistGradientBoostingRegressor(early_stopping=stops, random_state=seed)
    model.fit(x[learned], y[learned])
    found = model.predict(x[test])
    return float(metrics.root_mean_squared_error(y[test], found)), float(
        metrics.r2_score(y[test], found)
    )


def _ours(x: Any, y: Any, seed: int, *, model: str, is_classes: bool) -> tuple[float, float]:
    from modelmill_sdk.testing import dataset_write, train_once
    from modelmill_tabular.plugin import Tabular

    learned, test = _split(len(y), seed)
    held = learned[: len(learned) // 8]
    rows = _rows(x, y, is_classes=is_classes)
    with tempfile.TemporaryDirectory() as folder:
        data = dataset_write(
            Path(folder) / "data",
            "table",
            train=[rows[n] for n in learned[len(held) :]],
            validation=[rows[n] for n in held],
            test=[rows[n] for n in test],
        )
        params = {"target": "answer", "model": model}
        _, metrics = train_once(Tabular, data, params, Path(folder) / "work", seed)
    names = ("log_loss", "accuracy") if is_classes else ("rmse", "r2")
    return float(metrics[names[0]] or 0.0), float(metrics[names[1]] or 0.0)


def _rows(x: Any, y: Any, *, is_classes: bool) -> list[dict[str, Any]]:
    named = [{f"c{n}": float(value) for n, value in enumerate(values)} for values in x]
    answers = [str(answer) for answer in y] if is_classes else [float(answer) for answer in y]
    return [{**row, "answer": answer} for row, answer in zip(named, answers, strict=True)]


def _print(results: dict[str, list[Figures]]) -> None:
    peer = [loss for loss, _, _ in results[PEER]]
    print(
        f"{'arm (median over splits)':<28}{'loss':>9}{'score':>8}{'loss ratio':>12}{'seconds':>9}"
    )
    for arm, figures in results.items():
        ratio = statistics.median(
            loss / theirs for (loss, _, _), theirs in zip(figures, peer, strict=True)
        )
        loss, score, took_s = (statistics.median(values) for values in zip(*figures, strict=True))
        print(f"{arm:<28}{loss:>9.4f}{score:>8.4f}{ratio:>12.3f}{took_s:>9.2f}", flush=True)


def _check(results: dict[str, list[Figures]], answers: Any, *, is_classes: bool) -> None:
    """A model that learned nothing would be no better than what is usual."""
    if is_classes:
        shares = np.unique(answers, return_counts=True)[1] / len(answers)
        usual = float(-(shares * np.log(shares)).sum())
    else:
        usual = float(np.std(answers))
    for arm, figures in results.items():
        assert statistics.median(loss for loss, _, _ in figures) < usual, arm
