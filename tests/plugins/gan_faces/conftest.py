"""Datasets of drawn faces, made once."""

from pathlib import Path

import pytest

from tests.plugins.gan_faces.drawn import write_faces


@pytest.fixture(scope="session")
def colour_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 faces in colour."""
    return write_faces(tmp_path_factory.mktemp("colour") / "data")


@pytest.fixture(scope="session")
def grey_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 faces in grey."""
    return write_faces(tmp_path_factory.mktemp("grey") / "data", mode="L")
