"""A whole training run, from a dataset to a finished model.

Axes: N pictures, B batch, C channels, H height, W width, L latent.
"""

import copy

import numpy as np
import torch
from modelmill_sdk import CustomerError, TrainRun
from modelmill_sdk.learning.batches import PictureBatches
from modelmill_sdk.learning.finite import FiniteWatch
from modelmill_sdk.learning.pictures import Bytes, pictures_decode
from modelmill_sdk.learning.precision import Precision, precision_choose
from modelmill_sdk.learning.sheets import COLUMNS, image_of, sheet
from modelmill_sdk.learning.state import facts_read, state_restore, state_save
from modelmill_sdk.learning.stopping import Best
from modelmill_sdk.learning.together import Together
from safetensors.torch import save_file

from modelmill_image_vae.checks import too_few
from modelmill_image_vae.config import ARCHITECTURE, VaeConfig
from modelmill_image_vae.exporting import onnx_write
from modelmill_image_vae.measuring import latents_of, measure, tensor_of
from modelmill_image_vae.params import TrainParams
from modelmill_image_vae.trainer import Recipe, Trainer

WEIGHTS_FILE = "model.safetensors"
WIDTHS = {"small": (16, 64), "medium": (32, 64, 128), "large": (64, 128, 256)}
CPU_STEPS, GPU_STEPS = 3_000, 20_000
# Measurements on held-out pictures over a whole training.
MEASUREMENTS = 40
# Without a validation split every so-manieth picture is kept back to stop by.
KEPT_BACK = 10


def train(run: TrainRun) -> None:
    """Train on `run.data["train"]`, stop by held-out loss, leave the best average in `model_dir`.

    Raises CustomerError where the dataset is too small or the training breaks down.
    """
    learnt, kept_back = pictures_of(run)
    trainer = trainer_for(run, learnt)
    best = Best(patience=run.params.patience)
    if run.resume_from:
        best = _restore(trainer, run)
    else:
        trainer.precision = _precision(trainer, run.params.precision)
    run.log(f"Computing in {trainer.precision.name} on {run.device}.")
    _advance_all(run, trainer, best, kept_back)
    if run.rank:
        return
    network = trainer.average.network
    best.restore(network)
    network.settle(latents_of(network, learnt))
    tensors = {name: t.detach().contiguous().cpu() for name, t in network.state_dict().items()}
    save_file(tensors, run.model_dir / WEIGHTS_FILE)
    trainer.config.write(run.model_dir)
    onnx_write(run, network)
    run.report(images_seen=trainer.step * trainer.recipe.batch_size, best_step=best.step)


def pictures_of(run: TrainRun) -> tuple[Bytes, Bytes]:
    """Decode what is learnt from and what the training is stopped by, `(N, H, W, C)` each."""
    params: TrainParams = run.params
    refusal = too_few(run.data.row_count("train"))
    if refusal:
        raise CustomerError(refusal)
    decoded = {}
    channels = params.channels
    for split in ("train", "validation"):
        if split in run.data:
            decoded[split] = pictures_decode(
                run.data,
                split,
                size=params.resolution,
                channels=channels,
                folder=run.workdir,
                threads=run.threads,
            )
            channels = "grey" if decoded[split].shape[3] == 1 else "colour"
    learnt = decoded["train"]
    if "validation" in decoded:
        return learnt, decoded["validation"]
    places = np.arange(len(learnt)) % KEPT_BACK == 0
    return learnt[~places], learnt[places]


def trainer_for(run: TrainRun, learnt: Bytes) -> Trainer:
    """Build a trainer, at step 0, from what a run was given."""
    params: TrainParams = run.params
    is_cpu = torch.device(run.device).type == "cpu"
    if is_cpu:
        torch.set_num_threads(run.threads)
    size = params.size if params.size != "auto" else ("small" if is_cpu else "large")
    steps = params.steps or (CPU_STEPS if is_cpu else GPU_STEPS)
    config = VaeConfig(
        resolution=params.resolution,
        channels=learnt.shape[3],
        widths=WIDTHS[size],
        latent_size=params.latent_size,
    )
    recipe = Recipe(
        steps=steps,
        batch_size=params.batch_size,
        learning_rate=params.learning_rate,
        kl_weight=params.kl_weight,
        ema_decay=1 - 1 / min(1_000, max(10, steps / 20)),
    )
    kind = "colour" if config.channels == 3 else "grey"
    run.log(
        f"{len(learnt)} {kind} pictures at {config.resolution}×{config.resolution}; at most "
        f"{steps} steps of {recipe.batch_size}, {size} network."
    )
    batches = PictureBatches(
        learnt, batch_size=recipe.batch_size, seed=run.seed, mirror=params.mirror
    )
    return Trainer(
        config,
        recipe,
        batches=batches,
        device=run.device,
        seed=run.seed,
        log=run.log,
        together=Together(run),
    )


def _advance_all(run: TrainRun, trainer: Trainer, best: Best, kept_back: Bytes) -> None:
    steps = trainer.recipe.steps
    every = max(1, steps // MEASUREMENTS)
    shown = {round(steps * (n + 1) / run.params.samples) for n in range(run.params.samples)}
    finite = FiniteWatch(device=run.device)
    metrics: dict[str, object] = {} if best.score is None else {"held_out_loss": best.score}
    while trainer.step < steps and not (best.is_over or run.is_finishing):
        losses = trainer.advance()
        finite.check(losses, step=trainer.step, is_last=trainer.step == steps)
        # The first process measures and decides; the others take steps until they are ended.
        if not run.rank and (trainer.step % every == 0 or trainer.step == steps):
            score = measure(trainer.average.network, kept_back).squared / 4
            best.measure(score, step=trainer.step, network=trainer.average.network)
            metrics["held_out_loss"] = score
        run.progress(trainer.step, steps, **losses, **metrics)
        if trainer.step in shown:
            _show(run, trainer, kept_back)
        run.checkpoint(trainer.step, lambda folder: _save(trainer, best, folder))
    if best.is_over:
        run.log(f"No better since step {best.step}: the training stopped at step {trainer.step}.")


@torch.no_grad()
def _show(run: TrainRun, trainer: Trainer, kept_back: Bytes) -> None:
    """Show held-out pictures, and below them what the network makes of them."""
    if run.rank:
        return
    network = trainer.average.network
    originals = tensor_of(kept_back[:COLUMNS], device=run.device)  # (B, C, H, W)
    rebuilt = network.decode(network.encode(originals)[0])  # (B, C, H, W)
    pictures = [image_of(one) for one in (*originals, *rebuilt)]
    run.sample("rebuilt", sheet(pictures, columns=len(originals)), step=trainer.step)


def _precision(trainer: Trainer, asked: str) -> Precision:
    probe = copy.copy(trainer)
    probe.network = copy.deepcopy(trainer.network)
    pictures = trainer.batches.batch(0, device=trainer.device)  # (B, C, H, W)
    noise = torch.zeros(len(pictures), trainer.config.latent_size, device=trainer.device)

    def step(precision: Precision) -> None:
        loss, _squared = probe.loss_of(pictures, noise, precision)
        loss.backward()  # type: ignore[no-untyped-call]

    chosen = precision_choose(asked, device=trainer.device, step=step)
    return trainer.together.agreed(chosen)


def _save(trainer: Trainer, best: Best, folder: object) -> None:
    state_save(
        folder,  # type: ignore[arg-type]
        networks={"network": trainer.network, "average": trainer.average.network},
        optimizers={"adam": trainer.adam},
        tensors=best.weights,
        facts={
            "architecture": ARCHITECTURE,
            "step": trainer.step,
            "best": best.as_json(),
            "is_half": trainer.precision.is_half,
        },
    )


def _restore(trainer: Trainer, run: TrainRun) -> Best:
    assert run.resume_from is not None
    if facts_read(run.resume_from).get("architecture") != ARCHITECTURE:
        raise CustomerError(
            "This checkpoint is of another release, whose trainings this one cannot go on with. "
            "Start the job again."
        )
    facts, weights = state_restore(
        run.resume_from,
        networks={"network": trainer.network, "average": trainer.average.network},
        optimizers={"adam": trainer.adam},
    )
    trainer.step = int(facts["step"])
    trainer.precision = Precision(trainer.precision.device_type, bool(facts["is_half"]))
    return Best(patience=run.params.patience, weights=weights, **facts["best"])
