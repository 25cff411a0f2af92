"""Tables as datasets, and models trained on them, made once."""

import random
from pathlib import Path
from typing import Any

import pytest
from modelmill_sdk.testing import dataset_write, train_once
from modelmill_tabular.plugin import Tabular

from tests.plugins.tabular.small import TRAIN, Row, breast_cancer, diabetes

Trained = tuple[Path, dict[str, Any]]


def table_write(folder: Path, rows: list[Row]) -> Path:
    """Write rows with a fifth of them held out, as the platform splits them."""
    shuffled = random.Random(1).sample(rows, len(rows))
    tenth = max(1, len(rows) // 10)
    return dataset_write(
        folder,
        "table",
        train=shuffled[2 * tenth :],
        validation=shuffled[:tenth],
        test=shuffled[tenth : 2 * tenth],
    )


def mixed(count: int = 600) -> list[Row]:
    """Made-up sales: a category and a date decide the price, a rare colour is added to it."""
    chance = random.Random(5)
    rows = []
    for number in range(count):
        kind = chance.choice(["chair", "table", "lamp"])
        month = chance.randint(1, 12)
        weight = chance.uniform(1, 9)
        price = {"chair": 40.0, "table": 90.0, "lamp": 20.0}[kind] + 3 * month + 2 * weight
        rows.append(
            {
                "note": f"order {number} of the day",
                "kind": kind if chance.random() < 0.9 else None,
                "sold": f"2025-{month:02d}-{chance.randint(1, 28):02d}",
                "weight": weight if chance.random() < 0.8 else None,
                "fixed": "always",
                "number": number,
                "price": price + chance.gauss(0, 2),
            }
        )
    return rows


@pytest.fixture(scope="session")
def tumours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_write(tmp_path_factory.mktemp("tumours") / "data", breast_cancer())


@pytest.fixture(scope="session")
def trained(tumours: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_once(Tabular, tumours, TRAIN, tmp_path_factory.mktemp("trained"), seed=2)


@pytest.fixture(scope="session")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_write(tmp_path_factory.mktemp("sales") / "data", mixed())


@pytest.fixture(scope="session")
def priced(sales: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    params = {"rounds": 150, "network_steps": 300, "group": "kind"}
    return train_once(Tabular, sales, params, tmp_path_factory.mktemp("priced"), seed=2)


@pytest.fixture(scope="session")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table_write(tmp_path_factory.mktemp("patients") / "data", diabetes())
