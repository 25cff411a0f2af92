"""The encoder and the decoder as ONNX files, for use without the platform.

Axes: B batch, C channels, H height, W width, L latent.
"""

import torch
from modelmill_sdk import TrainRun
from modelmill_sdk.learning.onnx import onnx_export
from torch import Tensor, nn

from modelmill_image_vae.networks import Vae

ENCODER_FILE, DECODER_FILE = "encoder.onnx", "decoder.onnx"


def onnx_write(run: TrainRun, network: Vae) -> None:
    """Write both files if they were asked for, and report how far they differ.

    The encoder makes ``latents`` `(B, L)` of ``pictures`` `(B, C, H, W)` in [-1, 1], the decoder
    pictures of latents.
    """
    if not run.params.export_onnx:
        return
    config = network.config
    # A fresh network, laid out the plain way: the training's own may be on another device.
    plain = Vae(config)
    plain.load_state_dict(network.state_dict())
    random = torch.Generator().manual_seed(0)
    shape = (2, config.channels, config.resolution, config.resolution)
    pictures = torch.rand(shape, generator=random) * 2 - 1  # (2, C, H, W)
    latents = torch.randn(2, config.latent_size, generator=random)  # (2, L)
    encoder, decoder = run.model_dir / ENCODER_FILE, run.model_dir / DECODER_FILE
    differences = [
        onnx_export(
            _Encoded(plain), (pictures,), encoder, inputs=("pictures",), outputs=("latents",)
        ),
        onnx_export(
            _Decoded(plain), (latents,), decoder, inputs=("latents",), outputs=("pictures",)
        ),
    ]
    run.report(
        onnx_difference=max(differences),
        onnx_size_bytes=encoder.stat().st_size + decoder.stat().st_size,
    )


class _Encoded(nn.Module):
    def __init__(self, network: Vae) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network.encode(pictures)[0]


class _Decoded(nn.Module):
    def __init__(self, network: Vae) -> None:
        super().__init__()
        self.network = network

    def forward(self, latents: Tensor) -> Tensor:
        return self.network.decode(latents)
