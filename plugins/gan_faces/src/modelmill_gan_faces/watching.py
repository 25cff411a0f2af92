"""The samples that a training shows, and the watch on their variety."""

from modelmill_sdk import TrainRun
from modelmill_sdk.learning.distances import variety
from modelmill_sdk.learning.features import fixed_features
from modelmill_sdk.learning.pictures import Bytes
from modelmill_sdk.learning.sheets import image_of, sheet
from torch import Tensor

from modelmill_gan_faces.collapsing import MEASUREMENTS
from modelmill_gan_faces.drawing import Model, draw_many
from modelmill_gan_faces.trainer import Trainer

SAMPLES = 32
ADVICE = "Train again with a lower learning_rate or more pictures."


class Watch:
    """Draws the same latents each time, and says when what comes of them becomes alike.

    Samples are shown as often as the customer wants; their variety is measured whatever they want.
    """

    def __init__(self, run: TrainRun, trainer: Trainer) -> None:
        self._run, self._trainer = run, trainer
        steps, samples = trainer.recipe.steps, run.params.samples
        self._shown = _spread(steps, samples)
        self._measured = _spread(steps, MEASUREMENTS)
        self._network = fixed_features(run.device)
        pictures: Bytes = trainer.real.batches.pictures
        self._usual = variety(self._network.of_bytes(pictures[:: max(1, len(pictures) // 128)]))

    def look(self) -> dict[str, float]:
        """Show and measure samples where this step is one to; returns what was measured."""
        step = self._trainer.step
        if step not in self._shown | self._measured:
            return {}
        network = self._trainer.average.network
        network.centre()
        model = Model(network, self._trainer.config)
        drawn = draw_many(model, [self._run.seed + n for n in range(SAMPLES)])  # (S, C, H, W)
        if step in self._shown:
            self._run.sample("faces", sheet([image_of(one) for one in drawn]), step=step)
        return self._measure(drawn) if step in self._measured else {}

    def _measure(self, drawn: Tensor) -> dict[str, float]:
        """The variety of samples `(S, C, H, W)`, 1 where they vary as the pictures do."""
        trainer, collapse = self._trainer, self._trainer.collapse
        share = variety(self._network.of(drawn)) / max(self._usual, 1e-12)
        steps, network = trainer.recipe.steps, trainer.average.network
        collapse.measure(share, step=trainer.step, steps=steps, network=network)
        if collapse.alike_in_a_row == 1:
            self._run.log(
                f"At step {trainer.step} the pictures vary {share:.0%} as much as yours. Where "
                "they stay alike, the training stops by itself."
            )
        return {"variety_of_samples": share}


def collapse_settle(run: TrainRun, trainer: Trainer) -> None:
    """Go back to the last pictures that varied, if the newest are alike, and say what to do."""
    collapse = trainer.collapse
    if collapse.restore(trainer.average.network):
        run.log(
            f"From step {collapse.first_step} on the pictures were nearly all alike: the "
            f"training ended at step {trainer.step}, and the model is that of step "
            f"{collapse.good_step}. {ADVICE}"
        )
    elif collapse.has_lasted:
        run.log(
            f"The pictures were nearly all alike from the start: the training ended at step "
            f"{trainer.step}, and its model is of little use. {ADVICE}"
        )


def _spread(steps: int, times: int) -> set[int]:
    """The steps after which to do something so often: evenly spread, the last always among them."""
    return {round(steps * (n + 1) / times) for n in range(times)}
