"""The generator as an ONNX file, for use without the platform.

Axes: B batch, L latent, C channels, H height, W width.
"""

import torch
from modelmill_sdk import TrainRun
from modelmill_sdk.learning.onnx import onnx_export
from torch import Tensor, nn

from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.drawing import latents_of
from modelmill_gan_faces.generator import Generator

ONNX_FILE = "generator.onnx"


def onnx_write(run: TrainRun, generator: Generator, config: FacesConfig) -> None:
    """Write ``generator.onnx`` if it was asked for, and report how far it differs.

    It takes normal ``latents`` `(B, L)`, ``truncation`` `(B, 1)` and, of a model that knows labels,
    ``labels`` `(B,)`: places in the names of ``config.json``. It gives ``pictures`` `(B, C, H, W)`
    in [-1, 1].
    """
    if not run.params.export_onnx:
        return
    # A fresh network, laid out the plain way: the training's own may be on another device.
    plain = Generator(config)
    plain.load_state_dict(generator.state_dict())
    latents = latents_of([0, 1], latent_size=config.latent_size)  # (2, L)
    given = {"latents": latents, "truncation": torch.tensor([[1.0], [0.8]])}
    if config.labels:
        given["labels"] = torch.tensor([0, len(config.labels) - 1])
    path = run.model_dir / ONNX_FILE
    difference = onnx_export(
        _Drawn(plain),
        tuple(given.values()),
        path,
        inputs=tuple(given),
        outputs=("pictures",),
    )
    run.report(onnx_difference=difference, onnx_size_bytes=path.stat().st_size)


class _Drawn(nn.Module):
    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor, truncation: Tensor, labels: Tensor | None = None) -> Tensor:
        pictures: Tensor = self.generator(latents, labels, truncation=truncation)
        return pictures
