"""Synthetic walks: interactions to learn from in seconds, made by a generator, not by people.

Items stand in series. Somebody mostly goes on in a series, now and then jumps into another of
their own taste, so what comes next depends on what came last and not on what is popular.
"""

import csv
import random
from pathlib import Path
from typing import Any

SERIES, LENGTH, TASTES = 12, 10, 3

TRAIN: dict[str, Any] = {"steps": 150, "batch_size": 32, "history": 20, "dropout": 0.1}

PREDICT: list[dict[str, Any]] = [
    {"user": "u0"},
    {"user": "somebody new", "items": ["s1-2", "s1-3"]},
    {"user": "nobody knows"},
]


def walks(user_count: int = 150, *, seed: int = 0) -> list[dict[str, Any]]:
    """Make rows of user, item, rating and timestamp, in the order of time."""
    chance = random.Random(seed)
    rows = []
    for user in range(user_count):
        own = [series for series in range(SERIES) if series % TASTES == user % TASTES]
        series, place = chance.choice(own), chance.randrange(LENGTH)
        for turn in range(chance.randint(8, 16)):
            rows.append(
                {
                    "user": f"u{user}",
                    "item": f"s{series}-{place}",
                    "rating": float(chance.randint(1, 5)),
                    "timestamp": 1_700_000_000 + 100 * turn + user % 7,
                }
            )
            place = (place + 1) % LENGTH
            if chance.random() < 0.15:
                series, place = chance.choice(own), chance.randrange(LENGTH)
    return sorted(rows, key=lambda row: row["timestamp"])


def dataset_file(folder: Path) -> Path:
    """Write the walks as a customer would upload them, a CSV file."""
    path = folder / "interactions.csv"
    rows = walks()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def check(results: list[Any]) -> None:
    """See that each input got items, and each for the right reason."""
    known, brought, stranger = results
    for result in results:
        items = [one["item"] for one in result["recommendations"]]
        assert len(items) == len(set(items)) == 10
    assert known["history_items"] > 0
    assert brought["history_items"] == 2
    assert not {"s1-2", "s1-3"} & {one["item"] for one in brought["recommendations"]}
    assert stranger["model"] == "popularity"
