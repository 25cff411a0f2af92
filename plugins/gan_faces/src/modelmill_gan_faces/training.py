"""A whole training run, from a dataset to a finished model."""

import math

import torch
from modelmill_sdk import CustomerError, TrainRun
from torch import Tensor

from modelmill_gan_faces.batches import Batches
from modelmill_gan_faces.checkpoint import checkpoint_restore, checkpoint_save
from modelmill_gan_faces.checks import too_few
from modelmill_gan_faces.drawing import GRID_COLUMNS, GRID_ROWS, draw, grid, model_save
from modelmill_gan_faces.params import TrainParams
from modelmill_gan_faces.pictures import pictures_decode
from modelmill_gan_faces.recipe import config_for, recipe_for
from modelmill_gan_faces.trainer import Trainer

# Reading a loss waits for the GPU; every so many steps is soon enough to notice a breakdown.
WATCH_EVERY = 20


def train(run: TrainRun) -> None:
    """Train a Faces model on `run.data["train"]` and leave it in `run.model_dir`.

    Raises CustomerError where the dataset is too small or the training breaks down.
    """
    trainer = trainer_for(run)
    if run.resume_from:
        checkpoint_restore(trainer, run.resume_from)
    steps = trainer.recipe.steps
    sample_steps = _sample_steps(steps, run.params.samples)
    losses: dict[str, Tensor] = {}
    while trainer.step < steps:
        losses = trainer.advance()
        if trainer.step % WATCH_EVERY == 0 or trainer.step == steps:
            _watch(losses, trainer.step)
        run.progress(trainer.step, steps, **losses)
        if trainer.step in sample_steps:
            _show(run, trainer)
        run.checkpoint(trainer.step, lambda folder: checkpoint_save(trainer, folder))
    trainer.average.centre()
    model_save(trainer.average, trainer.config, run.model_dir)
    run.report(
        images_seen=trainer.step * trainer.recipe.batch_size,
        **{name: float(loss) for name, loss in losses.items()},
    )


def trainer_for(run: TrainRun) -> Trainer:
    """Build a trainer, at step 0, from what a run was given."""
    params: TrainParams = run.params
    refusal = too_few(run.data.row_count("train"))
    if refusal:
        raise CustomerError(refusal)
    if torch.device(run.device).type == "cpu":
        torch.set_num_threads(run.threads)
    pictures = pictures_decode(
        run.data, resolution=params.resolution, channels=params.channels, folder=run.workdir
    )
    recipe = recipe_for(params, device=run.device, image_count=len(pictures))
    config = config_for(params, device=run.device, channels=pictures.shape[3])
    kind = "colour" if config.channels == 3 else "grey"
    run.log(f"{len(pictures)} {kind} pictures at {config.resolution}×{config.resolution}.")
    batches = Batches(
        pictures=pictures, batch_size=recipe.batch_size, seed=run.seed, mirror=recipe.mirror
    )
    return Trainer(config, recipe, batches=batches, device=run.device, seed=run.seed)


def _sample_steps(steps: int, samples: int) -> set[int]:
    """The steps after which to show samples: evenly spread, the last always among them."""
    return {round(steps * (n + 1) / samples) for n in range(samples)}


def _show(run: TrainRun, trainer: Trainer) -> None:
    """Show the faces of the same latents as each time before."""
    trainer.average.centre()
    seeds = [run.seed + n for n in range(GRID_COLUMNS * GRID_ROWS)]
    pictures = draw(trainer.average, seeds, truncation=1.0)
    run.sample("faces", grid(pictures), step=trainer.step)


def _watch(losses: dict[str, Tensor], step: int) -> None:
    if not all(math.isfinite(float(loss)) for loss in losses.values()):
        raise CustomerError(
            f"The training broke down at step {step}: a loss is no longer a number. "
            "Choose a lower learning_rate or a higher gradient_penalty.",
            param="learning_rate",
        )
