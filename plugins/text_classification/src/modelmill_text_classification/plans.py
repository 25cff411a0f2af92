"""Which methods are tried, in which order, and how far each goes.

Everything follows from what was asked, the texts and the kind of device; nothing from the clock, so
that a seed gives the same model again.
"""

from dataclasses import dataclass
from typing import Literal

from modelmill_sdk import CustomerError

from modelmill_text_classification.numbers import Numbers
from modelmill_text_classification.params import TrainParams
from modelmill_text_classification.tfidf import Kind

Method = Literal["words", "both", "bag", "lstm", "encoder"]
NETWORKS = ("bag", "lstm", "encoder")

# Beyond this ratio of the largest class to the smallest, auto gives weights.
IMBALANCE = 4.0

# Strengths of the linear model that are tried, each a step.
STRENGTHS = {"words": (0.2, 0.4, 0.8), "both": (0.1, 0.2, 0.4)}
# One more where texts are so few that a fit takes no time.
_FEW_ROWS = 3_000
_STRONGER = (1.6, 6.4)

# Microseconds of one core, measured: for each word of the texts (each character for "both"), which
# a network reads once an epoch, and for each step. A GPU divides a network's by what it gains.
_COST_US = {"words": 4.0, "both": 9.0, "bag": 5.0, "lstm": 75.0, "encoder": 1_500.0}
_STEP_COST_US = {"bag": 2_000.0, "lstm": 20_000.0, "encoder": 40_000.0}
_GPU_GAIN = {"bag": 4.0, "lstm": 30.0, "encoder": 100.0}

_EPOCHS = {"bag": 8, "lstm": 6, "encoder": 3}
_LEAST_STEPS = {"bag": 300, "lstm": 300, "encoder": 60}
_MOST_EPOCHS = 60
_BATCHES = {"bag": (32, 256), "lstm": (32, 128), "encoder": (16, 64)}
_RATES = {"bag": 0.1, "lstm": 3e-3, "encoder": 5e-5}
_PRIVATE_RATE = 0.05
_PRIVATE_EPOCHS = 12
_PRIVATE_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Amount:
    """How much text there is to learn from."""

    rows: int
    words: int
    characters: int


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """How a network learns, all decided."""

    method: str
    epochs: int
    batch_size: int
    steps_per_epoch: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    patience: int
    is_private: bool

    @property
    def steps(self) -> int:
        """All steps of the training."""
        return self.epochs * self.steps_per_epoch


def methods_choose(params: TrainParams, amount: Amount, *, device: str) -> list[Method]:
    """Decide what is tried, cheapest first; the first one is always tried.

    Raises CustomerError where differential privacy is asked of a method that cannot have it.
    """
    if params.privacy_epsilon > 0:
        if params.method not in ("auto", "bag"):
            raise CustomerError(
                "Differential privacy works with the method bag only: choose that, or set "
                "privacy_epsilon to 0.",
                param="method",
            )
        return ["bag"]
    if params.method == "linear":
        return ["both" if params.ngrams == "both" else "words"]
    if params.method != "auto":
        return [params.method]
    tried: list[Method] = [] if params.ngrams == "both" else ["words"]
    tried += [] if params.ngrams == "words" else ["both"]
    tried += ["bag", "lstm"]
    tried += ["encoder"] if params.base else []
    chosen, spent_s = tried[:1], cost_s(params, tried[0], amount, device=device)
    for method in tried[1:]:
        more_s = cost_s(params, method, amount, device=device)
        if spent_s + more_s <= params.budget_s:
            chosen.append(method)
            spent_s += more_s
    return chosen


def cost_s(params: TrainParams, method: Method, amount: Amount, *, device: str) -> float:
    """Reckon the seconds that a method takes for so much text, if it does not stop early."""
    if method not in NETWORKS:
        read = amount.characters if method == "both" else amount.words
        return read * _COST_US[method] / 1e6
    # Few texts are read often: what their steps take is then the most of it.
    plan = network_plan(params, method, rows=amount.rows, device=device)
    read_us = amount.words * plan.epochs * _COST_US[method]
    gain = _GPU_GAIN[method] if _is_gpu(device) else 1.0
    return (read_us + plan.steps * _STEP_COST_US[method]) / 1e6 / gain


def linear_kinds(method: Method, *, is_ideographic: bool) -> list[Kind]:
    """Choose the n-grams of a linear model."""
    words: Kind = ("word", 1, 3 if is_ideographic else 2)
    return [words] if method == "words" else [words, ("character", 2, 5)]


def strengths_for(method: Method, rows: int) -> tuple[float, ...]:
    """Choose the strengths of the linear model that are tried."""
    few = _STRONGER if rows <= _FEW_ROWS else ()
    return STRENGTHS[method] + few


def network_plan(params: TrainParams, method: Method, *, rows: int, device: str) -> NetworkPlan:
    """Fill in what the customer left to the plugin."""
    is_private, gpu = params.privacy_epsilon > 0, _is_gpu(device)
    batch = params.batch_size or (_PRIVATE_BATCH if is_private else _BATCHES[method][gpu])
    batch = max(1, min(batch, rows if params.batch_size else max(8, rows // 8)))
    steps_per_epoch = max(1, rows // batch)
    epochs = _PRIVATE_EPOCHS if is_private else _EPOCHS[method]
    # A small dataset is read more often, or a network hardly begins to move.
    epochs = min(_MOST_EPOCHS, max(epochs, -(-_LEAST_STEPS[method] // steps_per_epoch)))
    rate = _PRIVATE_RATE if is_private else _RATES[method]
    return NetworkPlan(
        method=method,
        epochs=params.epochs or epochs,
        batch_size=batch,
        steps_per_epoch=steps_per_epoch,
        learning_rate=params.learning_rate or rate,
        weight_decay=0.0 if method == "bag" else params.weight_decay,
        label_smoothing=0.0 if is_private else params.label_smoothing,
        patience=0 if is_private else params.patience,
        is_private=is_private,
    )


def is_balanced(params: TrainParams, counts: Numbers) -> bool:
    """Say whether classes are made to weigh the same."""
    if params.balance != "auto":
        return params.balance == "weights"
    present = counts[counts > 0]
    is_uneven = bool(present.max() >= IMBALANCE * present.min())
    return is_uneven and params.privacy_epsilon == 0


def _is_gpu(device: str) -> int:
    return int(not device.startswith("cpu"))
