"""Walks as a dataset, and models trained on them, made once."""

from pathlib import Path
from typing import Any

import pytest
from modelmill_recommendation.plugin import Recommendation
from modelmill_sdk.testing import dataset_write, train_once

from tests.plugins.recommendation.small import TRAIN, walks


def walks_write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Split rows as the platform does: by row, whoever they belong to."""
    parts: dict[str, list[dict[str, Any]]] = {"train": [], "validation": [], "test": []}
    for number, row in enumerate(rows):
        place = number * 7 % 10
        parts["validation" if place == 3 else "test" if place == 6 else "train"].append(row)
    return dataset_write(folder, "interactions", **parts)


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return walks_write(tmp_path_factory.mktemp("walks") / "data", walks())


@pytest.fixture(scope="session")
def trained(walked: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    work = tmp_path_factory.mktemp("trained")
    return train_once(Recommendation, walked, {**TRAIN, "export_onnx": True}, work, seed=3)
