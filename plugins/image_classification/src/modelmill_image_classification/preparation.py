"""All that a training needs before its first step: examples, plan, network."""

from dataclasses import dataclass

import numpy as np
import torch
from modelmill_sdk import CustomerError, TrainRun, seed_everything
from modelmill_sdk.learning.pictures import Channels
from modelmill_sdk.learning.state import facts_read
from torch import nn

from modelmill_image_classification.augmentation import NOTHING, Augmentation
from modelmill_image_classification.bases import Base, base_open
from modelmill_image_classification.borrowed import base_new, resnet_new, vit_new
from modelmill_image_classification.config import ClassifierConfig
from modelmill_image_classification.examples import (
    Examples,
    examples_carve,
    examples_read,
    labels_read,
)
from modelmill_image_classification.mirroring import mirroring_probe
from modelmill_image_classification.numbers import Numbers
from modelmill_image_classification.plans import (
    Plan,
    plan_make,
    plan_read,
    resolution_for,
)
from modelmill_image_classification.problems import dataset_refusal
from modelmill_image_classification.small import SmallNetwork, channels_last

_LIGHT = 0.2
_PIXELS_LOOKED_AT = 2_000
_HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a training works with."""

    config: ClassifierConfig
    plan: Plan
    network: nn.Module
    learned: Examples
    held: Examples
    augmentation: Augmentation


def prepare(run: TrainRun) -> Prepared:
    """Decode the pictures, settle every choice, and build the network.

    Raises CustomerError where there is nothing to learn, or no such base model.
    """
    if torch.device(run.device).type == "cpu":
        torch.set_num_threads(run.threads)
    seed_everything(run.seed)
    labels = run.data.label_names or []
    refusal = dataset_refusal(len(labels), np.bincount(labels_read(run.data, "train")))
    if refusal is not None:
        raise CustomerError(f"{refusal.reason} {refusal.fix}")
    base = base_open(run.params.base) if run.params.network == "base" else None
    learned, held = _examples(run, base)
    counts = learned.counts(len(labels))
    plan = _plan(run, counts)
    if plan.is_private and plan.network != "small":
        raise CustomerError(
            "Differential privacy works with the network small only: choose that, or set "
            "privacy_epsilon to 0.",
            param="network",
        )
    config = _config(run, plan, learned, base)
    augmentation = _augmentation(run, plan, learned)
    _log(run, plan, config, learned, held)
    network = channels_last(_network(config, plan, base)).to(run.device)
    return Prepared(
        config=config,
        plan=plan,
        network=network,
        learned=learned,
        held=held,
        augmentation=augmentation,
    )


def _plan(run: TrainRun, counts: Numbers) -> Plan:
    """Plan anew, or as a checkpoint was planned: defaults change, its tensors' shapes do not."""
    if run.resume_from is None:
        return plan_make(run.params, device=run.device, counts=counts)
    before = plan_make(run.params, device=run.device, counts=counts, is_as_before=True)
    return plan_read(facts_read(run.resume_from), before=before)


def _examples(run: TrainRun, base: Base | None) -> tuple[Examples, Examples]:
    """What is learned from, and what is held out."""
    size = base.resolution if base else resolution_for(run.params, run.data, device=run.device)
    if base and run.params.resolution not in (0, base.resolution):
        run.log(f"The base model looks at {base.resolution} pixels, and so does its child.")
    channels: Channels = "colour" if base else run.params.channels
    learned = _read(run, "train", size=size, channels=channels)
    if "validation" not in run.data:
        return examples_carve(learned, seed=run.seed)
    same: Channels = "grey" if learned.pixels.shape[3] == 1 else "colour"
    return learned, _read(run, "validation", size=size, channels=same)


def _read(run: TrainRun, split: str, *, size: int, channels: Channels) -> Examples:
    folder, threads = run.workdir, run.threads
    return examples_read(
        run.data, split, size=size, channels=channels, folder=folder, threads=threads
    )


def _config(run: TrainRun, plan: Plan, learned: Examples, base: Base | None) -> ClassifierConfig:
    channels = int(learned.pixels.shape[3])
    if base is not None:
        mean, deviation = base.mean, base.deviation
    elif plan.is_private:
        # The pictures' own would tell about them.
        mean, deviation = [_HALF] * channels, [_HALF] * channels
    else:
        mean, deviation = _moments(learned)
    is_small = plan.network == "small"
    return ClassifierConfig(
        family="small" if is_small else "borrowed",
        labels=list(run.data.label_names or []),
        resolution=int(learned.pixels.shape[1]),
        channels=channels,
        width=plan.width,
        stem=plan.stem if is_small else 0,
        norm="group" if plan.is_private else "batch",
        mean=mean,
        deviation=deviation,
    )


def _moments(learned: Examples) -> tuple[list[float], list[float]]:
    """Mean and deviation of each channel of the first pictures, in 0 … 1."""
    pixels = learned.pixels[learned.rows[:_PIXELS_LOOKED_AT]].astype(np.float32) / 255
    mean, deviation = pixels.mean(axis=(0, 1, 2)), pixels.std(axis=(0, 1, 2))
    return [float(one) for one in mean], [max(0.01, float(one)) for one in deviation]


def _augmentation(run: TrainRun, plan: Plan, learned: Examples) -> Augmentation:
    params = run.params
    mirror = params.mirror == "yes"
    if params.augment and params.mirror == "auto" and not plan.is_private:
        found = mirroring_probe(learned)
        mirror = found.is_safe
        run.log(f"Pictures are {'' if mirror else 'not '}mirrored: {found.because}.")
    if not params.augment:
        return NOTHING
    return Augmentation(light=_LIGHT if learned.pixels.shape[3] == 3 else 0.0, mirror=mirror)


def _network(config: ClassifierConfig, plan: Plan, base: Base | None) -> nn.Module:
    if base is not None:
        return base_new(base, config)
    if plan.network == "resnet":
        return resnet_new(config)
    return vit_new(config) if plan.network == "vit" else SmallNetwork(config)


def _log(
    run: TrainRun, plan: Plan, config: ClassifierConfig, learned: Examples, held: Examples
) -> None:
    kind = "colour" if config.channels == 3 else "grey"
    counts = learned.counts(len(config.labels))
    balance = {
        "sampling": "every class is shown as often as any other",
        "weights": "rare classes weigh more",
        "none": "classes count as they come",
    }[plan.balance]
    run.log(
        f"{len(learned)} {kind} pictures at {config.resolution}×{config.resolution} to learn from, "
        f"{len(held)} held out; {len(config.labels)} classes of {counts.min()} to {counts.max()}: "
        f"{balance}."
    )
    run.log(
        f"Network {plan.network}; {plan.epochs} epochs of {plan.steps_per_epoch} steps of "
        f"{plan.batch_size} pictures; learning rate {plan.learning_rate:.3g}."
    )
