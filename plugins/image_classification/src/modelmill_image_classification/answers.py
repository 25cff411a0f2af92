"""Answers: from a picture in base64 to classes with their probabilities.

Axes: B batch, H height, W width, C channels, K classes.
"""

import base64
import binascii
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from modelmill_sdk import CustomerError
from modelmill_sdk.learning.pictures import UNREADABLE, Bytes, picture_fit, picture_open
from PIL import Image

from modelmill_image_classification.calibration import probabilities
from modelmill_image_classification.models import Classifier
from modelmill_image_classification.params import PredictParams

# What Pillow opens without handing the file to another program.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_MAX_PIXELS = 25_000_000
_DIGITS = 6


def answer(
    classifier: Classifier, images: Sequence[str], params: PredictParams, *, first_index: int
) -> list[dict[str, Any]]:
    """Give each picture's likeliest class, and the probabilities of all or the first few.

    Raises CustomerError for what is no picture, naming the input.
    """
    pixels = np.stack(
        [
            picture_read(image, classifier, index=index)
            for index, image in enumerate(images, start=first_index)
        ]
    )  # (B, H, W, C)
    logits = classifier.logits(torch.from_numpy(pixels))  # (B, K)
    chances = probabilities(logits.double().numpy())  # (B, K)
    results = [_result(classifier.config.labels, row, top=params.top) for row in chances]
    if params.explain:
        from modelmill_image_classification.explanations import explain

        for result, picture, row in zip(results, pixels, chances, strict=True):
            result["explanation"] = explain(classifier, picture, label=int(row.argmax()))
    return results


def picture_read(text: str, classifier: Classifier, *, index: int) -> Bytes:
    """Decode one picture as the model sees it, ``(H, W, C)``."""
    config, param = classifier.config, f"inputs.{index}.image"
    encoded = _bytes(text, param=param)
    try:
        with Image.open(io.BytesIO(encoded), formats=_FORMATS) as header:
            if header.width * header.height > _MAX_PIXELS:
                raise CustomerError(
                    "This picture has more than 25 million pixels. Make it smaller.", param=param
                )
        picture = picture_open(encoded, size=config.resolution)
    except UNREADABLE as error:
        raise CustomerError(
            "This is no picture that can be read. Send a PNG, JPEG, WebP, GIF or BMP file in "
            "base64.",
            param=param,
        ) from error
    pixels = picture_fit(picture, size=config.resolution)  # (H, W, 3)
    if config.channels == 3:
        return pixels
    return np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None]  # (H, W, 1)


def _bytes(text: str, *, param: str) -> bytes:
    body = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CustomerError(
            "The picture is not base64. Encode the bytes of the file with base64.", param=param
        ) from error


def _result(labels: Sequence[str], chances: Any, *, top: int) -> dict[str, Any]:
    order = np.argsort(-chances, kind="stable")  # (K,)
    listed = order[: top or len(order)]
    return {
        "label": labels[int(order[0])],
        "probability": round(float(chances[order[0]]), _DIGITS),
        "probabilities": {labels[int(k)]: round(float(chances[k]), _DIGITS) for k in listed},
    }
