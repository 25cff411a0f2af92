"""Datasets of drawn faces, made once."""

from pathlib import Path

import pytest
from modelmill_sdk.testing import dataset_write

from tests.plugins.gan_faces.drawn import draw_face, write_faces


@pytest.fixture(scope="session")
def colour_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 faces in colour."""
    return write_faces(tmp_path_factory.mktemp("colour") / "data")


@pytest.fixture(scope="session")
def grey_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 faces in grey."""
    return write_faces(tmp_path_factory.mktemp("grey") / "data", mode="L")


@pytest.fixture(scope="session")
def held_out_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 faces in colour, and 24 that are never learnt from."""
    return write_faces(tmp_path_factory.mktemp("held") / "data", held_out=24)


@pytest.fixture(scope="session")
def labelled_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 faces, pale ones and dark ones, of three names of which one has no picture."""
    rows = [
        {"image": draw_face(seed, shade=60 + 130 * (seed % 2)), "label": 2 * (seed % 2)}
        for seed in range(120)
    ]
    names = ["dark", "none", "pale"]
    folder = tmp_path_factory.mktemp("labelled") / "data"
    return dataset_write(folder, "labelled_images", train=rows, label_names=names)
