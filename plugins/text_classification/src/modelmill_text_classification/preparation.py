"""All that a training needs before its first step: texts, what is held out, weights of classes.

Axes: N examples, K classes.
"""

from dataclasses import dataclass

from modelmill_sdk import CustomerError, TrainRun, seed_everything

from modelmill_text_classification.examples import (
    Examples,
    class_weights,
    examples_carve,
    examples_read,
)
from modelmill_text_classification.numbers import Reals
from modelmill_text_classification.plans import Amount, is_balanced
from modelmill_text_classification.problems import dataset_refusal
from modelmill_text_classification.words import is_ideographic, text_plain, words_of

_LOOKED_AT = 2_000


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a training works with; ``weights (K,)`` is None where classes count as they come."""

    labels: list[str]
    learned: Examples
    held: Examples
    amount: Amount
    is_ideographic: bool
    weights: Reals | None

    @property
    def held_weights(self) -> Reals | None:
        """Weights of the held-out examples, ``(N,)``: rare classes count here as in learning."""
        if self.weights is None:
            return None
        return class_weights(self.held.counts(len(self.labels)))[self.held.labels]

    @property
    def prior(self) -> list[float]:
        """Each class's share of what is learned from."""
        counts = self.learned.counts(len(self.labels))
        return [float(share) for share in counts / max(1, len(self.learned))]


def prepare(run: TrainRun) -> Prepared:
    """Read the texts and settle what concerns every method.

    Raises CustomerError where there is nothing to learn.
    """
    seed_everything(run.seed)
    labels = list(run.data.label_names or [])
    learned, held = examples_read(run.data, "train"), examples_read(run.data, "validation")
    refusal = dataset_refusal(learned.counts(len(labels)))
    if refusal is not None:
        raise CustomerError(f"{refusal.reason} {refusal.fix}")
    if not len(held):
        learned, held = examples_carve(learned, seed=run.seed)
    counts = learned.counts(len(labels))
    weights = class_weights(counts) if is_balanced(run.params, counts) else None
    amount, ideographic = _measure(learned)
    run.log(
        f"{len(learned):,} texts to learn from, {len(held):,} held out; {len(labels)} classes of "
        f"{counts.min():,} to {counts.max():,}: "
        f"{'rare classes weigh more' if weights is not None else 'they count as they come'}."
    )
    return Prepared(
        labels=labels,
        learned=learned,
        held=held,
        amount=amount,
        is_ideographic=ideographic,
        weights=weights,
    )


def _measure(examples: Examples) -> tuple[Amount, bool]:
    """Count words, from evenly spread texts where there are many."""
    some = examples.texts[:: max(1, len(examples) // _LOOKED_AT)]
    words = [words_of(text_plain(text)) for text in some]
    characters = sum(map(len, examples.texts))
    share = sum(map(len, words)) / max(1, sum(map(len, some)))
    amount = Amount(rows=len(examples), words=round(characters * share), characters=characters)
    return amount, is_ideographic(words)
