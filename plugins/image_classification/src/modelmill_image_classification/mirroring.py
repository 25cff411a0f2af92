"""Whether pictures may be mirrored: not when mirrored ones can be told from real ones.

Lin et al., "Visual chirality", CVPR 2020, ask a network to do so. Here a tiny linear probe has to.
``a = x - mirror(x)`` turns its sign when a picture is mirrored, so a direction ``w`` with
``w·a > 0`` for most pictures of a class tells the real ones. It is found by ridge regression on
half of the pictures, and asked about the other half.

Axes: N pictures, H height, W width, C channels, D features.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from modelmill_image_classification.examples import Examples
from modelmill_image_classification.numbers import Reals

# Of real pictures recognised as such; a coin reaches 0.5.
MAX_RECOGNISED = 0.6
_SIDE = 16
_RIDGE = 0.1
_PER_CLASS = 200
_FEWEST = 20


@dataclass(frozen=True)
class Mirroring:
    """The answer, and the sentence to log."""

    is_safe: bool
    because: str


def mirroring_probe(examples: Examples) -> Mirroring:
    """Ask the probe, class by class: what mirrors a b into a d is no use to either."""
    rights: list[Reals] = []
    labels = examples.row_labels
    for label in np.unique(labels):
        rows = examples.rows[labels == label][:_PER_CLASS]
        if len(rows) >= _FEWEST:
            rights.append(_recognised(_lopsidedness(examples, rows)))
    if not rights:
        is_colour = examples.pixels.shape[3] == 3
        kind = "colour pictures mostly may be" if is_colour else "grey ones are often writing"
        return Mirroring(is_colour, f"there are too few of a class to tell, and {kind}")
    share = float(np.concatenate(rights).mean())
    return Mirroring(
        share < MAX_RECOGNISED,
        f"a linear probe recognises {share:.0%} of held-out pictures as not mirrored, where "
        f"{MAX_RECOGNISED:.0%} is the limit",
    )


def _recognised(a: Reals) -> Reals:
    """For each picture of ``a (N, D)``, whether the other half's direction knows it as real."""
    right = np.empty(len(a))
    for held in (0, 1):
        learned, asked = a[1 - held :: 2], a[held::2]
        # The dual form: there are fewer pictures than features.
        gram = learned @ learned.T  # (N/2, N/2)
        ridge = _RIDGE * np.trace(gram) / len(gram) + 1e-9
        dual = np.linalg.solve(gram + ridge * np.eye(len(gram)), np.ones(len(gram)))
        score = asked @ (learned.T @ dual)  # (N/2,)
        right[held::2] = (score > 0) + 0.5 * (score == 0)
    return right


def _lopsidedness(examples: Examples, rows: Reals) -> Reals:
    """What differs between pictures and their mirror images, ``(N, D)``."""
    small = np.stack([_small(examples.pixels[row]) for row in rows])  # (N, H, W)
    small -= small.mean(axis=(1, 2), keepdims=True)
    half = (small - small[:, :, ::-1])[:, :, : _SIDE // 2]  # (N, H, W/2)
    return half.reshape(len(rows), -1)


def _small(picture: np.ndarray) -> Reals:  # type: ignore[type-arg]
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    return np.asarray(image.convert("L").resize((_SIDE, _SIDE)), dtype=np.float64) / 255
