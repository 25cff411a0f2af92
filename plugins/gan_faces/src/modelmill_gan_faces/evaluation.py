"""How good a finished model is, on pictures it never saw.

Axes: N pictures, C channels, H height, W width, F features.
"""

from collections.abc import Mapping

import numpy as np
import torch
from modelmill_sdk import TrainRun
from modelmill_sdk.learning.distances import nearest
from modelmill_sdk.learning.features import NAME, fixed_features
from modelmill_sdk.learning.pictures import Bytes, pictures_decode, pictures_decoded
from modelmill_sdk.learning.realism import MIN_HELD_OUT, realism_measure
from modelmill_sdk.learning.sheets import COLUMNS, image_of, sheet
from PIL import Image
from torch import Tensor

from modelmill_gan_faces.drawing import Model, draw_many, model_load

# So many are drawn at most, and so many training pictures looked at.
MOST_DRAWN = 1_000
MOST_SEEN = 5_000


def evaluate(run: TrainRun) -> Mapping[str, float]:
    """Measure KID, FID, variety and memorising on the held-out splits; show the likest pairs.

    Validation and test count as one: neither is learnt from or chosen by. Without held-out
    pictures nothing is measured, and a line says so.
    """
    model = model_load(run.model_dir, run.device)
    held_out = _held_out(run, model)
    if len(held_out) < MIN_HELD_OUT:
        run.log(
            f"{len(held_out)} held-out pictures are too few to measure quality by; from "
            f"{MIN_HELD_OUT} on it is measured."
        )
        return {}
    network = fixed_features(run.device)
    training = _some(_training(run, model), MOST_SEEN)
    drawn = draw_many(model, range(min(len(training), MOST_DRAWN)))  # (N, C, H, W)
    drawn_features, seen = network.of(drawn), network.of_bytes(training)  # (N, F) twice
    found = realism_measure(
        drawn_features, seen=seen, held_out=network.of_bytes(_some(held_out, MOST_SEEN))
    )
    run.log(
        f"{found.drawn} drawn beside {found.held_out} held-out pictures, features {NAME}: KID "
        f"{found.kid:.4f} (real ones {found.kid_floor:.4f}), FID {found.fid:.2f} (real ones "
        f"{found.fid_floor:.2f})."
    )
    run.sample("nearest pictures", _likest(drawn, drawn_features, training, seen), step=run.step)
    return found.metrics()


def _likest(drawn: Tensor, features: Tensor, training: Bytes, seen: Tensor) -> Image.Image:
    """The drawn pictures that are likest to a training picture, above what they are like."""
    distances, places = nearest(features, seen)
    order = distances.argsort()[:COLUMNS].tolist()
    above = [image_of(drawn[row]) for row in order]
    below = [image_of(_tensor(training[int(places[row])])) for row in order]
    return sheet([*above, *below])


def _tensor(picture: Bytes) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1  # (C, H, W)


def _training(run: TrainRun, model: Model) -> Bytes:
    known = pictures_decoded(run.workdir)
    return _decode(run, model, "train") if known is None else known


def _held_out(run: TrainRun, model: Model) -> Bytes:
    splits = [split for split in ("validation", "test") if split in run.data]
    empty = np.zeros((0, 1, 1, 1), dtype=np.uint8)
    parts = [_decode(run, model, split) for split in splits]
    return np.concatenate(parts) if parts else empty


def _decode(run: TrainRun, model: Model, split: str) -> Bytes:
    return pictures_decode(
        run.data,
        split,
        size=model.config.resolution,
        channels="grey" if model.config.channels == 1 else "colour",
        folder=run.workdir,
        threads=run.threads,
    )


def _some(pictures: Bytes, most: int) -> Bytes:
    """At most so many, evenly spread over the rows."""
    if len(pictures) <= most:
        return pictures
    chosen: Bytes = pictures[np.linspace(0, len(pictures) - 1, most).astype(int)]
    return chosen
