"""Every choice of a training, made from what was asked, the pictures and the machine."""

import statistics
from dataclasses import dataclass
from typing import Any, Literal

import torch
from modelmill_sdk.data import TrainData
from modelmill_sdk.learning.schedules import one_cycle

from modelmill_image_classification.numbers import Numbers
from modelmill_image_classification.params import TrainParams
from modelmill_image_classification.problems import picture_sizes

Network = Literal["small", "resnet", "vit", "base"]
Balance = Literal["sampling", "weights", "none"]

SIDES = (28, 32, 48, 64, 96, 128, 160, 192, 224)
# What a CPU trains on in minutes; a GPU takes pictures as large as they come.
_CPU_SIDE = 64
_LOOKED_AT = 200

# Beyond this ratio of the largest class to the smallest, auto balances.
IMBALANCE = 2.0

# From (CPU, GPU): how many pictures a training looks at in all, and the widths of new networks.
_SHOWN = {
    "small": (64_000, 1_000_000),
    "resnet": (96_000, 2_000_000),
    "vit": (160_000, 4_000_000),
    "base": (4_000, 60_000),
}
_EPOCHS = {"small": (8, 200), "resnet": (10, 200), "vit": (10, 300), "base": (3, 30)}
_WIDTHS = {"small": (24, 64), "resnet": (16, 64), "vit": (96, 192), "base": (0, 0)}
_RATES = {"small": 0.07, "resnet": 0.05, "vit": 1e-3, "base": 1e-4}
_BATCHES = {"small": (32, 256), "resnet": (64, 256), "vit": (64, 256), "base": (16, 64)}
_RATES_BEFORE = {**_RATES, "small": 0.1}
_BATCHES_BEFORE = {**_BATCHES, "small": (64, 256)}
_STEM_STEP = 8
_PRIVATE_EPOCHS = 15
_PRIVATE_BATCH = 256
_PRIVATE_RATE = 0.5
# AdamW's decay does not go through its scaled gradients, and so has to be larger than SGD's.
_ADAMW_DECAY = 100


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The hyperparameters of one training, all decided; checkpoints keep them.

    ``width`` are the channels that a new network begins with, and ``stem`` those of a "small"
    network's very first layer.
    """

    network: Network
    width: int
    stem: int
    epochs: int
    batch_size: int
    steps_per_epoch: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    balance: Balance
    patience: int
    is_private: bool

    @property
    def steps(self) -> int:
        """All steps of the training."""
        return self.epochs * self.steps_per_epoch

    @property
    def is_adamw(self) -> bool:
        """Whether AdamW learns; convolutions from scratch learn faster by SGD."""
        return self.network in ("vit", "base")

    @property
    def ema_decay(self) -> float:
        """What the averaged network keeps of itself at each step."""
        return 1 - 1 / min(500, max(10, self.steps / 10))

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        return one_cycle(step, steps=self.steps, peak=self.learning_rate, rise=self._rise)

    def is_rising_at(self, step: int) -> bool:
        """Whether the learning rate of a step, counted from 0, is still on its way up."""
        return step < self._rise * self.steps

    @property
    def _rise(self) -> float:
        return 0.1 if self.is_adamw else 0.25


def plan_make(
    params: TrainParams, *, device: str, counts: Numbers, is_as_before: bool = False
) -> Plan:
    """Fill in what the customer left to the plugin; ``counts`` are examples of each class.

    ``is_as_before`` chooses as release 0.1.0 did, whose checkpoints say nothing of their plan.
    """
    network: Network = "small" if params.network == "auto" else params.network
    is_private = params.privacy_epsilon > 0
    gpu, count = _is_gpu(device), int(counts.sum())
    batches = _BATCHES_BEFORE if is_as_before else _BATCHES
    batch = params.batch_size or _batch(batches[network][gpu], count)
    epochs = params.epochs
    if is_private:
        batch = params.batch_size or _batch(_PRIVATE_BATCH, count * 2)
        epochs = epochs or _PRIVATE_EPOCHS
    least, most = _EPOCHS[network]
    epochs = epochs or min(most, max(least, round(_SHOWN[network][gpu] / count)))
    # The noise of a mean falls with the root of the batch, and the rate may rise as much.
    rates = _RATES_BEFORE if is_as_before else _RATES
    scaled = rates[network] * (batch / batches[network][0]) ** 0.5
    rate = params.learning_rate or (_PRIVATE_RATE if is_private else scaled)
    decay = params.weight_decay * (_ADAMW_DECAY if network in ("vit", "base") else 1)
    width = params.width or _WIDTHS[network][gpu]
    is_thin = network == "small" and not is_as_before
    return Plan(
        network=network,
        width=width,
        stem=stem_for(width, device=device) if is_thin else width,
        epochs=epochs,
        batch_size=batch,
        steps_per_epoch=max(1, count // batch),
        learning_rate=rate,
        weight_decay=decay,
        label_smoothing=0.0 if is_private else params.label_smoothing,
        balance="none" if is_private else _balance(params, counts),
        patience=params.patience,
        is_private=is_private,
    )


def plan_read(facts: dict[str, Any], *, before: Plan) -> Plan:
    """Give the plan that a checkpoint's facts tell of; ``before`` where they are of 0.1.0."""
    return Plan(**facts["plan"]) if "plan" in facts else before


def stem_for(width: int, *, device: str) -> int:
    """Choose the channels of a small network's first layer.

    It works on every pixel, and on a CPU its maps are more than the cache holds: two thirds of the
    width take an eighth off the whole step, and learn as well.
    """
    return width if _is_gpu(device) else max(_STEM_STEP, width * 2 // 3 // _STEM_STEP * _STEM_STEP)


def resolution_for(params: TrainParams, data: TrainData, *, device: str) -> int:
    """Choose the side that pictures are scaled to: that of the middle one, or a little less."""
    if params.resolution:
        return int(params.resolution)
    sizes = picture_sizes(data, "train", most=_LOOKED_AT)
    side = statistics.median(min(size) for size in sizes) if sizes else SIDES[0]
    most = SIDES[-1] if _is_gpu(device) else _CPU_SIDE
    return max((one for one in SIDES if one <= min(side, most)), default=SIDES[0])


def _is_gpu(device: str) -> int:
    return int(torch.device(device).type != "cpu")


def batch_least(params: TrainParams, *, count: int) -> int:
    """Give the fewest pictures of a batch, whichever network is chosen, of ``count`` to learn."""
    # A tenth may be kept back to stop by.
    fewest = min(_batch(most, count * 9 // 10) for pair in _BATCHES.values() for most in pair)
    return params.batch_size or fewest


def _batch(most: int, count: int) -> int:
    """At least sixteen steps an epoch, where there are enough pictures for batches of eight."""
    fitting = 1 << max(3, (max(1, count // 16)).bit_length() - 1)
    return min(most, fitting, max(2, count))


def _balance(params: TrainParams, counts: Numbers) -> Balance:
    if params.balance != "auto":
        return params.balance
    present = counts[counts > 0]
    return "sampling" if present.max() >= IMBALANCE * present.min() else "none"
