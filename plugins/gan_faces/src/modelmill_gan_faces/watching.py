"""The samples that a training shows, and the watch on their variety."""

from modelmill_sdk import TrainRun
from modelmill_sdk.learning.distances import variety
from modelmill_sdk.learning.features import fixed_features
from modelmill_sdk.learning.pictures import Bytes
from modelmill_sdk.learning.sheets import image_of, sheet

from modelmill_gan_faces.drawing import Model, draw_many
from modelmill_gan_faces.trainer import Trainer

SAMPLES = 32
# Below this share of the pictures' own variety the samples look all alike.
ALIKE = 0.3
# A young generator draws a blur, which is no collapse.
YOUNG_SHARE = 0.25


class Watch:
    """Draws the same latents each time, and says when what comes of them becomes alike."""

    def __init__(self, run: TrainRun, pictures: Bytes) -> None:
        self._run = run
        self._network = fixed_features(run.device)
        self._usual = variety(self._network.of_bytes(pictures[:: max(1, len(pictures) // 128)]))
        self._has_warned = False

    def show(self, trainer: Trainer) -> float:
        """Show samples; returns their variety, 1 where they vary as the pictures do."""
        network = trainer.average.network
        network.centre()
        model = Model(network, trainer.config)
        drawn = draw_many(model, [self._run.seed + n for n in range(SAMPLES)])  # (S, C, H, W)
        self._run.sample("faces", sheet([image_of(one) for one in drawn]), step=trainer.step)
        share = variety(self._network.of(drawn)) / max(self._usual, 1e-12)
        is_young = trainer.step < YOUNG_SHARE * trainer.recipe.steps
        if share < ALIKE and not is_young and not self._has_warned:
            self._has_warned = True
            self._run.log(
                f"At step {trainer.step} the pictures vary {share:.0%} as much as yours. Where "
                "they stay alike, train again with a lower learning_rate or more pictures."
            )
        return share
