"""Both halves of a step as CUDA graphs: as it is, a GPU waits for Python most of the time.

Axes: B batch.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from modelmill_sdk.learning.graphs import Graphed
from torch import Tensor

if TYPE_CHECKING:
    from modelmill_gan_faces.trainer import Batch, Trainer


class GraphedHalves:
    """The gradients of both networks, for steps that are penalised or for those that are not."""

    def __init__(self, trainer: "Trainer", batch: "Batch", *, is_penalised: bool) -> None:
        """Take a trainer on a CUDA device, and a batch whose shapes all later ones have."""
        self.batch = replace(
            batch,
            real=batch.real.clone(),
            labels=None if batch.labels is None else batch.labels.clone(),
            latents=batch.latents.clone(),
        )
        self._trainer, self._is_penalised = trainer, is_penalised
        self._judged, self._drawn = (
            Graphed(half, log=trainer.log, random=[batch.random], on_failure=self._give_up)
            for half in (self._judge, self._draw)
        )

    def load(self, batch: "Batch") -> None:
        """Put a batch where the graphs read."""
        self.batch.real.copy_(batch.real)
        self.batch.latents.copy_(batch.latents)
        if self.batch.labels is not None and batch.labels is not None:
            self.batch.labels.copy_(batch.labels)

    def judge(self) -> None:
        """Leave the discriminator's gradient in its weights."""
        self._judged()

    def draw(self) -> Tensor:
        """Leave the generator's gradient in its weights, after `judge`; returns its loss `()`."""
        return self._drawn().clone()

    def _judge(self) -> Tensor:
        trainer = self._trainer
        trainer.discriminator_adam.zero_grad(set_to_none=False)
        loss_of = trainer.discriminator_loss_of(self.batch, is_penalised=self._is_penalised)
        return self._backward(loss_of(0, len(self.batch.latents)))

    def _draw(self) -> Tensor:
        trainer = self._trainer
        trainer.generator_adam.zero_grad(set_to_none=False)
        with trainer.discriminator_frozen():
            loss_of = trainer.generator_loss_of(self.batch)
            loss = self._backward(loss_of(0, len(self.batch.latents)))
        # The pictures belong to one step; the next draws its own.
        self.batch.fake = None
        return loss

    def _give_up(self) -> None:
        # The generator's graph reads what the discriminator's has left: both are graphs, or none.
        self._judged.give_up()
        self._drawn.give_up()
        # Its way back may be used up: it is drawn anew.
        self.batch.fake = None

    def _backward(self, loss: Tensor) -> Tensor:
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
