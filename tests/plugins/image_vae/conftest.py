"""Scanned digits as a dataset, and one finished training that many tests look at."""

from pathlib import Path

import numpy as np
import pytest
from modelmill_image_vae.plugin import ImageVae
from modelmill_sdk.testing import dataset_write, train_once
from PIL import Image
from sklearn.datasets import load_digits

TINY = {
    "resolution": 32,
    "steps": 6,
    "batch_size": 8,
    "latent_size": 8,
    "samples": 2,
    "mirror": False,
}


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 digits to learn, 40 to stop by, 40 to measure by."""
    rows = [
        {"image": Image.fromarray((image * 15.9).astype(np.uint8)).resize((32, 32))}
        for image in load_digits().images[:320]
    ]
    folder = tmp_path_factory.mktemp("digits") / "data"
    return dataset_write(
        folder, "images", train=rows[:240], validation=rows[240:280], test=rows[280:]
    )


@pytest.fixture(scope="session")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    params = {**TINY, "steps": 150, "batch_size": 16, "latent_size": 16}
    return train_once(ImageVae, digits, params, tmp_path_factory.mktemp("work"), seed=1)
