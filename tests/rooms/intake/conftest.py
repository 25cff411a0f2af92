"""Sources of every form, made on the spot, and the intake run in this process."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.running import intake
from PIL import Image


class Intake:
    """Runs the intake on bytes; ``rows`` reads back what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs = 0

    def __call__(self, content: bytes | Path, name: str, **limits: Any) -> dict[str, Any]:
        self._runs += 1
        source = self.folder / f"source-{self._runs}"
        if isinstance(content, bytes):
            source.write_bytes(content)
        else:
            source = content
        self.out = self.folder / f"out-{self._runs}"
        return intake(source, name=name, folder=self.out, limits=Limits(**limits))

    def rows(self, split: str = "*") -> list[dict[str, Any]]:
        paths = sorted(self.out.glob(f"{split}-*.parquet"))
        return [row for path in paths for row in pq.read_table(path).to_pylist()]

    def shards(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.out.glob("*.parquet"))}


@pytest.fixture
def mill(tmp_path: Path) -> Intake:
    return Intake(tmp_path)


def picture(seed: int = 0, *, form: str = "PNG", size: tuple[int, int] = (8, 8)) -> bytes:
    out = io.BytesIO()
    color = (seed * 37 % 256, seed * 91 % 256, seed % 256)
    Image.new("RGB", size, color).save(out, form)
    return out.getvalue()


def zip_of(entries: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()
