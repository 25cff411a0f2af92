"""P12: recommendation, full rank, beside popularity, item-kNN and SASRec with a sampled loss.

The last item of each user is the test, the one before it the validation, all items are ranked, and
the two networks learn for the same seconds of one thread. The peer has the same network, batches
and optimizer with the loss of its paper: binary cross-entropy with one item drawn at random that
the user did not meet (Kang and McAuley, 2018). Each network is measured by its best weights on the
validation users, and that search is part of its time. Seconds are those of the processor, so that a
busy machine is fair to all. A round is another seed.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.interactions import Row, interactions

SECONDS, SECONDS_SMALL = 60.0, 2.0
ROUNDS = 5
ROWS_SMALL = 8_000
POPULARITY, ITEM_KNN = "popularity", "item-kNN"
SAMPLED, OURS = "SASRec, sampled loss", "ours: SASRec, full cross-entropy"


def main(*, small: bool = False) -> None:
    """Print NDCG@10, HR@10 and coverage of each arm; fail unless the baselines are reproduced."""
    import torch

    torch.set_num_threads(1)
    name, rows = interactions()
    rows = rows[:ROWS_SMALL] if small else rows
    seconds = SECONDS_SMALL if small else SECONDS
    rounds = 1 if small else int(os.environ.get("ROUNDS", ROUNDS))
    with tempfile.TemporaryDirectory() as folder:
        known = _known(rows, Path(folder))
        print(
            f"{name}: {len(known.histories.items):,} interactions, {len(known.users):,} users, "
            f"{len(known.items):,} items; {seconds:g} s a network; seeds 0 to {rounds - 1}"
        )
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} at start")
        results: dict[str, list[Any]] = {}
        for seed in range(rounds):
            for arm, quality in _round(known, seed=seed, seconds=seconds).items():
                results.setdefault(arm, []).append(quality)
    _check(results)
    _print(results)


def _known(rows: list[Row], folder: Path) -> Any:
    """Hand the rows to the plugin's own reader, split by row as the platform splits them."""
    from modelmill_recommendation.interactions import interactions_read
    from modelmill_sdk.data import TrainData
    from modelmill_sdk.testing import dataset_write

    parts: dict[str, list[Row]] = {"train": [], "validation": [], "test": []}
    for number, row in enumerate(rows):
        part = number * 7 % 10
        parts["validation" if part == 3 else "test" if part == 6 else "train"].append(row)
    train, validation, test = parts["train"], parts["validation"], parts["test"]
    dataset_write(folder / "data", "interactions", train=train, validation=validation, test=test)
    return interactions_read(TrainData(folder / "data", cache_dir=folder / "arrow"))


def _round(known: Any, *, seed: int, seconds: float) -> dict[str, Any]:
    from modelmill_recommendation.holdout import holdout_make
    from modelmill_recommendation.neighbours import item_knn_fit
    from modelmill_recommendation.popularity import popularity_fit
    from modelmill_recommendation.ranking import quality_measure
    from modelmill_recommendation.trainer import batch_loss

    from benchmarks.sampled_loss import Sampled

    holdout = holdout_make(known.histories, most=1_000_000, seed=0)
    count = len(known.items)
    fits: dict[str, Callable[[], Any]] = {
        POPULARITY: lambda: popularity_fit(holdout.learned, item_count=count),
        ITEM_KNN: lambda: item_knn_fit(holdout.learned, item_count=count),
        SAMPLED: lambda: _network(known, holdout, Sampled(count, seed=seed).loss, seed, seconds),
        OURS: lambda: _network(known, holdout, batch_loss, seed, seconds),
    }
    qualities = {}
    for arm, fit in fits.items():
        began = time.process_time()
        model = fit()
        took_s = time.process_time() - began
        qualities[arm] = quality_measure(model, holdout.test, may_repeat=known.has_repeats)
        print(
            f"seed {seed} {arm:<34} NDCG@10 {qualities[arm].ndcg:.4f}, {took_s:.1f} s", flush=True
        )
    return qualities


def _network(known: Any, holdout: Any, loss_of: Any, seed: int, seconds: float) -> Any:
    """Train the plugin's network with either loss until the seconds are over."""
    import torch
    from modelmill_recommendation import trainer as training
    from modelmill_recommendation.network import SasRec
    from modelmill_recommendation.params import TrainParams
    from modelmill_recommendation.recipe import config_for, recipe_for
    from modelmill_recommendation.sasrec import NetworkScorer
    from modelmill_recommendation.windows import Windows
    from modelmill_sdk.learning.precision import Precision
    from modelmill_sdk.learning.stopping import Best

    params = TrainParams()
    config = config_for(params, device="cpu", items=len(known.items))
    torch.manual_seed(seed)
    network = SasRec(config)
    windows = Windows(holdout.learned, length=config.length, batch_size=64, seed=seed)
    pace = _pace(network, windows, loss_of, trainer=training)
    steps = max(20, int(seconds * 0.9 / pace))
    recipe = recipe_for(
        TrainParams(steps=steps), config, device="cpu", per_reading=windows.order.batches_per_epoch
    )
    trainer = training.Trainer(
        network, recipe, precision=Precision("cpu", False), seed=seed, log=print, loss_of=loss_of
    )
    best, scorer = Best(is_lower_better=False), NetworkScorer(network)
    ends_at = time.process_time() + seconds
    every = max(1, steps // 8)
    while trainer.step < steps and time.process_time() < ends_at:
        trainer.advance(windows.batch(trainer.step))
        if trainer.step % every == 0:
            _measure(best, scorer, holdout, known, step=trainer.step)
    _measure(best, scorer, holdout, known, step=trainer.step)
    best.restore(network)
    return scorer


def _measure(best: Any, scorer: Any, holdout: Any, known: Any, *, step: int) -> None:
    from modelmill_recommendation.ranking import quality_measure

    quality = quality_measure(scorer, holdout.validation, may_repeat=known.has_repeats)
    best.measure(quality.ndcg, step=step, network=scorer.network)


def _pace(network: Any, windows: Any, loss_of: Any, *, trainer: Any) -> float:
    """Seconds a step takes, so that the learning rate's fall fits the time."""
    from modelmill_sdk.learning.precision import Precision

    network.train()
    precision = Precision("cpu", False)
    times = []
    for index in range(4):
        began = time.process_time()
        batch = windows.batch(index)
        loss_of(network, batch, part=(0, len(batch)), precision=precision).backward()
        network.zero_grad()
        times.append(time.process_time() - began)
    return statistics.median(times[1:])


def _check(results: dict[str, list[Any]]) -> None:
    """The baselines know no seed, and a network that learned nothing would fall behind them."""
    for arm in (POPULARITY, ITEM_KNN):
        assert len({quality.ndcg for quality in results[arm]}) == 1, arm
    for qualities in results.values():
        assert all(0 < one.ndcg <= one.hit_rate <= 1 for one in qualities)


def _print(results: dict[str, list[Any]]) -> None:
    """The ratio is of NDCG@10, over the best of the arms that are not ours."""
    ours = list(results)[-1]
    peer = max(
        statistics.median(one.ndcg for one in results[arm]) for arm in results if arm != ours
    )
    print(
        f"{'arm (median over seeds)':<36}{'NDCG@10':>9}{'± users':>9}{'HR@10':>8}{'coverage':>10}"
        f"{'ratio':>8}"
    )
    for arm, qualities in results.items():
        figures = [
            statistics.median(getattr(one, field) for one in qualities)
            for field in ("ndcg", "ndcg_margin", "hit_rate", "coverage")
        ]
        print(
            f"{arm:<36}{figures[0]:>9.4f}{figures[1]:>9.4f}{figures[2]:>8.4f}{figures[3]:>10.4f}"
            f"{figures[0] / peer:>8.3f}"
        )
    print(f"load {os.getloadavg()[0]:.2f} at the end")
