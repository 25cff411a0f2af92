"""Why an answer was given: a heat map of the places in the picture that speak for it.

Grad-CAM (Selvaraju et al., ICCV 2017) where the network keeps a map of the picture; where it does
not, as in a transformer, or where nothing in that map speaks for the answer, occlusion (Zeiler and
Fergus, ECCV 2014): what the answer loses when a place is covered. Both by Captum.

Axes: H height, W width, C channels.
"""

import base64
import io
from typing import Any

import numpy as np
import torch
from modelmill_sdk.learning.pictures import Bytes
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from modelmill_image_classification.models import Classifier
from modelmill_image_classification.numbers import Reals

# A window of this share of the side is covered at a time, and moved by half of itself.
_WINDOW = 0.25
_SHOWN_PX = 224


def explain(classifier: Classifier, picture: Bytes, *, label: int) -> dict[str, Any]:
    """Explain why ``picture (H, W, C)`` was given a label: the method, and a PNG as data URL."""
    heat, method = heat_of(classifier, picture, label=label)
    drawn = overlay(picture, heat)
    buffer = io.BytesIO()
    drawn.save(buffer, format="PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return {
        "method": method,
        "label": classifier.config.labels[label],
        "picture": f"data:image/png;base64,{encoded}",
    }


def heat_of(classifier: Classifier, picture: Bytes, *, label: int) -> tuple[Reals, str]:
    """Give the heat map itself, ``(H, W)`` in 0 … 1, and the name of its method.

    All of it is 0 where no single place speaks for the answer.
    """
    seen = classifier.eyes(torch.from_numpy(picture)[None].to(classifier.device))  # (1, C, H, W)
    if is_mapped(classifier):
        heat = _cam(classifier, seen, label)
        # With two classes one may be what is left when nothing speaks for the other.
        if heat.any():
            return heat, "grad-cam"
    return _occlusion(classifier, seen, label), "occlusion"


def is_mapped(classifier: Classifier) -> bool:
    """Say whether the network keeps a map of the picture, as Grad-CAM needs it."""
    return getattr(classifier.network, "mapped", None) is not None


def overlay(picture: Bytes, heat: Reals) -> Image.Image:
    """Lay a heat map ``(H, W)`` over a picture ``(H, W, C)``: grey where cold, red where hot."""
    flat = picture[:, :, 0] if picture.shape[2] == 1 else picture
    grey = np.asarray(Image.fromarray(flat).convert("L"), dtype=np.float64)[:, :, None]  # (H, W, 1)
    hot = np.stack([255 * np.ones_like(heat), 200 * (1 - heat), 30 * (1 - heat)], axis=2)
    share = 0.75 * heat[:, :, None]  # (H, W, 1)
    mixed = (grey * (1 - share) + hot * share).round().astype(np.uint8)  # (H, W, 3)
    size = max(_SHOWN_PX, len(mixed))
    return Image.fromarray(mixed).resize((size, size), Image.Resampling.BILINEAR)


def _cam(classifier: Classifier, seen: Tensor, label: int) -> Reals:
    from captum.attr import LayerGradCam

    cam = LayerGradCam(classifier.network, classifier.network.mapped)
    found = cam.attribute(seen.clone().requires_grad_(True), target=label, relu_attributions=True)
    size = [int(side) for side in seen.shape[2:]]
    return _scaled(F.interpolate(found.detach().float(), size, mode="bilinear")[0, 0])


@torch.no_grad()
def _occlusion(classifier: Classifier, seen: Tensor, label: int) -> Reals:
    from captum.attr import Occlusion

    channels, side = int(seen.shape[1]), int(seen.shape[2])
    window = max(2, round(side * _WINDOW))
    found = Occlusion(classifier.network).attribute(
        seen,
        target=label,
        sliding_window_shapes=(channels, window, window),
        strides=(channels, window // 2, window // 2),
        baselines=0,
    )
    return _scaled(found[0].float().mean(0).clamp_min(0))


def _scaled(heat: Tensor) -> Reals:
    values = heat.cpu().double().numpy()
    return np.asarray(values / max(float(values.max()), 1e-12))
