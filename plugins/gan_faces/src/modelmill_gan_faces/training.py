"""A whole training run, from a dataset to a finished model."""

import torch
from modelmill_sdk import CustomerError, TrainRun
from modelmill_sdk.learning.finite import FiniteWatch
from modelmill_sdk.learning.pictures import pictures_decode
from torch import Tensor

from modelmill_gan_faces.checkpoint import checkpoint_restore, checkpoint_save
from modelmill_gan_faces.checks import too_few
from modelmill_gan_faces.drawing import model_save
from modelmill_gan_faces.exporting import onnx_write
from modelmill_gan_faces.labels import labels_read
from modelmill_gan_faces.params import TrainParams
from modelmill_gan_faces.probing import precision_probe
from modelmill_gan_faces.real import RealPictures
from modelmill_gan_faces.recipe import config_for, recipe_for
from modelmill_gan_faces.trainer import Trainer
from modelmill_gan_faces.watching import Watch, collapse_settle


def train(run: TrainRun) -> None:
    """Train a Faces model on `run.data["train"]` and leave it in `run.model_dir`.

    Raises CustomerError where the dataset is too small or the training breaks down.
    """
    trainer = trainer_for(run)
    if run.resume_from:
        checkpoint_restore(trainer, run.resume_from)
    else:
        trainer.precision = precision_probe(trainer, asked=run.params.precision)
    run.log(f"Computing in {trainer.precision.name} on {run.device}.")
    metrics = advance_all(run, trainer)
    collapse_settle(run, trainer)
    network = trainer.average.network
    network.centre()
    model_save(network, trainer.config, run.model_dir)
    onnx_write(run, network, trainer.config)
    run.report(images_seen=trainer.step * trainer.recipe.batch_size, **metrics)


def advance_all(run: TrainRun, trainer: Trainer) -> dict[str, Tensor | float]:
    """Take every step that is left, or until a collapse has lasted; returns the last losses."""
    steps = trainer.recipe.steps
    finite = FiniteWatch(device=run.device)
    watch, collapse = Watch(run, trainer), trainer.collapse
    metrics: dict[str, Tensor | float] = {}
    while trainer.step < steps and not (collapse.has_lasted or run.is_finishing):
        losses = trainer.advance()
        finite.check(losses, step=trainer.step, is_last=trainer.step == steps)
        metrics |= losses
        run.progress(trainer.step, steps, **metrics)
        metrics |= watch.look()
        run.checkpoint(trainer.step, lambda folder: checkpoint_save(trainer, folder))
    if collapse.has_lasted:
        # Whoever stopped early has come to the end all the same.
        run.progress(trainer.step, trainer.step, **metrics)
    return metrics


def trainer_for(run: TrainRun) -> Trainer:
    """Build a trainer, at step 0, from what a run was given."""
    params: TrainParams = run.params
    refusal = too_few(run.data.row_count("train"))
    if refusal:
        raise CustomerError(refusal)
    if torch.device(run.device).type == "cpu":
        torch.set_num_threads(run.threads)
    pictures = pictures_decode(
        run.data,
        size=params.resolution,
        channels=params.channels,
        folder=run.workdir,
        threads=run.threads,
    )
    labels = labels_read(run.data, asked=params.labels, log=run.log)
    recipe = recipe_for(params, device=run.device, image_count=len(pictures))
    config = config_for(params, device=run.device, channels=pictures.shape[3], labels=labels)
    kind = "colour" if config.channels == 3 else "grey"
    run.log(
        f"{len(pictures)} {kind} pictures at {config.resolution}×{config.resolution}, "
        f"{len(config.labels) or 'no'} labels; {recipe.steps} steps of {recipe.batch_size}."
    )
    real = RealPictures(
        pictures, labels, batch_size=recipe.batch_size, seed=run.seed, mirror=recipe.mirror
    )
    return Trainer(config, recipe, real=real, device=run.device, seed=run.seed, log=run.log)
