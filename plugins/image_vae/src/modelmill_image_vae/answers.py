"""What may be asked of a finished model, one question at a time.

Axes: L latent.
"""

from pathlib import Path
from typing import Any

import torch
from modelmill_sdk import CustomerError
from modelmill_sdk.learning.sheets import image_of
from safetensors.torch import load_file
from torch import Tensor

from modelmill_image_vae.config import VaeConfig
from modelmill_image_vae.given import picture_read
from modelmill_image_vae.networks import Vae
from modelmill_image_vae.params import Input

WEIGHTS_FILE = "model.safetensors"


def model_load(folder: Path, device: str) -> Vae:
    """Read a finished model, ready to answer."""
    network = Vae(VaeConfig.read(folder))
    network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return network.to(device).eval().requires_grad_(False)


@torch.no_grad()
def answer(network: Vae, asked: Input, *, seed: int, truncation: float) -> Any:
    """Answer one input; a picture, or for "embed" a dict.

    Alone, because a library may sum in another order for another batch size, and an answer has to
    be the same bytes whoever else asks. Raises CustomerError where a picture is missing or none.
    """
    if asked.mode in ("reconstruct", "embed") and asked.image is None:
        raise CustomerError(f"Give the picture to {asked.mode} in image.", param="image")
    latent = _end(network, asked.image, seed, truncation, field="image")  # (1, L)
    if asked.mode == "embed":
        return {"embedding": [round(value, 6) for value in latent[0].tolist()]}
    if asked.mode == "interpolate":
        if asked.image_to is None and asked.seed_to is None:
            raise CustomerError("Give the second picture in image_to or seed_to.", param="image_to")
        other = _end(network, asked.image_to, asked.seed_to or 0, truncation, field="image_to")
        latent = torch.lerp(latent, other, asked.mix)  # (1, L)
    return image_of(network.decode(latent)[0])


def _end(network: Vae, image: str | None, seed: int, truncation: float, *, field: str) -> Tensor:
    """The latent `(1, L)` of a given picture, or of a seed."""
    if image is not None:
        picture = picture_read(image, config=network.config, field=field)
        return network.encode(picture.to(network.centres.device))[0]
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, network.config.latent_size, generator=random)  # (1, L)
    choice = torch.rand(1, generator=random)  # (1,)
    device = network.centres.device
    return network.placed(truncation * noise.to(device), choice.to(device))
