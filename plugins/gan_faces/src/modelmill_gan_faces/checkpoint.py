"""A trainer's state on disk: one safetensors file and the step, no pickle."""

from pathlib import Path

import torch
from modelmill_sdk import CustomerError
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.learning.state import state_restore, state_save
from torch import nn

from modelmill_gan_faces.collapsing import Collapse
from modelmill_gan_faces.trainer import Trainer


def checkpoint_save(trainer: Trainer, folder: Path) -> None:
    """Write everything that the steps to come depend on.

    Random numbers and the place in the data follow from the seed and the step (see `Trainer`).
    """
    state_save(
        folder,
        networks=_networks(trainer),
        optimizers=_optimizers(trainer),
        tensors=trainer.collapse.weights,
        facts={
            "step": trainer.step,
            "is_half": trainer.precision.is_half,
            "collapse": trainer.collapse.as_json(),
        },
    )


def checkpoint_restore(trainer: Trainer, folder: Path) -> None:
    """Give a new trainer of the same configuration the state that `checkpoint_save` wrote.

    Raises CustomerError for a checkpoint of release 0.1.0, which held other names.
    """
    try:
        facts, weights = state_restore(
            folder, networks=_networks(trainer), optimizers=_optimizers(trainer)
        )
    except (KeyError, RuntimeError) as error:
        raise CustomerError(
            "This training was begun by an earlier release of Faces, which this one cannot go on "
            "from. Start it again."
        ) from error
    trainer.step = int(facts["step"])
    # Earlier checkpoints knew of no collapse.
    trainer.collapse = Collapse(weights=weights, **facts.get("collapse", {}))
    # Measured once: a second probe could choose otherwise.
    trainer.precision = Precision(trainer.precision.device_type, bool(facts["is_half"]))


def _networks(trainer: Trainer) -> dict[str, nn.Module]:
    return {
        "generator": trainer.generator,
        "discriminator": trainer.discriminator,
        "average": trainer.average.network,
    }


def _optimizers(trainer: Trainer) -> dict[str, torch.optim.Optimizer]:
    return {
        "generator": trainer.generator_adam,
        "discriminator": trainer.discriminator_adam,
    }
