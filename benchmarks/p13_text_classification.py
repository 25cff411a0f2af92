"""P13, text classification: our choice beside TF-IDF and regression, a fastText, and an LSTM.

A round is another split of the same texts, the same for all arms: a fifth is the test, which no arm
sees before. The peers learn from all the rest; ours keeps a part of it to choose and calibrate by.
Seconds are the processor's, from texts to answers.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.review_texts import Labelled, chinese_reviews, english_topics
from benchmarks.text_peers import Answers, fast_text, lstm, tfidf_regression

ROUNDS = 5
REVIEWS = 4_000
REGRESSION, FAST_TEXT, LSTM = "TF-IDF + logistic regression", "fastText-like", "LSTM"
OURS = "ours: auto"

Arm = Callable[[Sequence[str], Answers, Sequence[str], int], Answers]


def main(*, small: bool = False) -> None:
    """Print accuracy and seconds of each arm; fail where ours does not beat the usual answer."""
    import torch

    torch.set_num_threads(1)
    rounds = 1 if small else int(os.environ.get("ROUNDS", ROUNDS))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}; seeds 0 to {rounds - 1}")
    for name, (texts, names) in _sets(small=small).items():
        classes = sorted(set(names))
        labels = np.array([classes.index(one) for one in names])
        arms = _arms(small=small)
        for arm in arms.values():
            # Once without counting: it imports what the arm needs.
            arm(texts[::9], labels[::9], texts[:5], 0)
        print(f"\n{name}: {len(texts)} texts, {len(classes)} classes; accuracy, processor seconds")
        results: dict[str, list[tuple[float, float]]] = {}
        for seed in range(rounds):
            order = np.random.default_rng(seed).permutation(len(texts))
            test, rest = order[: len(texts) // 5], order[len(texts) // 5 :]
            learned, asked = [texts[at] for at in rest], [texts[at] for at in test]
            for title, arm in arms.items():
                began = time.process_time()
                found = arm(learned, labels[rest], asked, seed)
                took_s = time.process_time() - began
                accuracy = float((found == labels[test]).mean())
                results.setdefault(title, []).append((accuracy, took_s))
        _print(results)
        usual = np.bincount(labels).max() / len(labels)
        assert statistics.median(one for one, _ in results[OURS]) > usual, "it learned nothing"


def _sets(*, small: bool) -> dict[str, Labelled]:
    topics = english_topics()
    if small:
        return {"English topics": (topics[0][::4], topics[1][::4])}
    return {"English topics": topics, "Chinese reviews": chinese_reviews(REVIEWS)}


def _arms(*, small: bool) -> dict[str, Arm]:
    arms: dict[str, Arm] = {REGRESSION: tfidf_regression, OURS: _ours}
    return arms if small else {**arms, FAST_TEXT: fast_text, LSTM: lstm}


def _ours(texts: Sequence[str], labels: Answers, asked: Sequence[str], seed: int) -> Answers:
    from modelmill_sdk.testing import dataset_write, train_once
    from modelmill_text_classification.models import classifier_load
    from modelmill_text_classification.plugin import TextClassification

    with tempfile.TemporaryDirectory() as folder:
        rows: list[dict[str, Any]] = [
            {"text": text, "label": int(label)} for text, label in zip(texts, labels, strict=True)
        ]
        names = [str(number) for number in range(int(labels.max()) + 1)]
        data = dataset_write(Path(folder, "data"), "labelled_text", train=rows, label_names=names)
        model_dir, _ = train_once(TextClassification, data, {}, Path(folder, "work"), seed=seed)
        found: Answers = classifier_load(model_dir, "cpu").logits(asked).argmax(axis=1)
        return found


def _print(results: dict[str, list[tuple[float, float]]]) -> None:
    cheapest = min(statistics.median(s for _, s in one) for one in results.values())
    for title, figures in results.items():
        accuracies, seconds = zip(*figures, strict=True)
        took_s = statistics.median(seconds)
        print(
            f"{title:<32}{statistics.mean(accuracies):8.4f} "
            f"({min(accuracies):.4f} to {max(accuracies):.4f}){took_s:9.2f} s"
            f"{took_s / cheapest:8.2f}×"
        )
    best = max(statistics.mean(a for a, _ in one) for t, one in results.items() if t != OURS)
    ours = statistics.mean(a for a, _ in results[OURS])
    ours_s = statistics.median(s for _, s in results[OURS])
    print(f"ours less the best of the others: {ours - best:+.4f} (goal 0 or more)")
    print(f"ratio of processor seconds, ours to the quickest: {ours_s / cheapest:.2f} (goal 2)")
