"""A picture that came with a question, as base64 or as a data URL."""

import base64
import binascii
import io

import torch
from modelmill_sdk import CustomerError
from modelmill_sdk.learning.pictures import UNREADABLE, picture_fit, picture_open
from PIL import Image
from torch import Tensor

from modelmill_image_vae.config import VaeConfig

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_SIDE = 4096


def picture_read(text: str, *, config: VaeConfig, field: str) -> Tensor:
    """Give the middle square of a picture as `(1, C, H, W)` in [-1, 1].

    Raises CustomerError where the text is no picture, or a larger one than 4096 pixels a side.
    """
    encoded = _bytes(text, field)
    try:
        # The header alone, before anything large is allocated.
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as header:
            width, height = header.size
        if max(width, height) > MAX_SIDE:
            raise CustomerError(
                f"The picture has {width}×{height} pixels; {MAX_SIDE} a side are the most.",
                param=field,
            )
        picture = picture_open(encoded, size=config.resolution)
        pixels = picture_fit(picture, size=config.resolution)  # (H, W, 3)
    except UNREADABLE as error:
        raise CustomerError("Give a PNG, JPEG or WebP picture in base64.", param=field) from error
    if config.channels == 1:
        grey = Image.fromarray(pixels).convert("L")
        stored = torch.frombuffer(bytearray(grey.tobytes()), dtype=torch.uint8)
        planes = stored.reshape(1, 1, config.resolution, config.resolution)
    else:
        planes = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]  # (1, C, H, W)
    return planes.float() / 127.5 - 1


def _bytes(text: str, field: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CustomerError(
            "This is neither base64 nor a data URL of a picture.", param=field
        ) from error
