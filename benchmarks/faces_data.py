"""Faces for the benchmarks of pictures, encoded as PNG files of 64×64 pixels.

Drawn on the spot by the demo's own recipe, or taken from the zip or folder that the environment
variable ``BENCH_FACES`` names, for machines without the packages that draw.
"""

import os
import tempfile
import zipfile
from pathlib import Path

from modelmill_sdk.testing import dataset_write


def faces_encoded(count: int) -> list[bytes]:
    """Give so many encoded pictures, the same ones each time."""
    given = os.environ.get("BENCH_FACES")
    if given is None:
        from deploy.demo.faces import face_png

        kept = Path(tempfile.gettempdir()) / "modelmill-bench-faces"
        kept.mkdir(exist_ok=True)
        paths = [kept / f"face-{number:05d}.png" for number in range(count)]
        for number, path in enumerate(paths):
            if not path.exists():
                path.write_bytes(face_png(number, pixels=64))
        return [path.read_bytes() for path in paths]
    found = _zipped(Path(given)) if given.endswith(".zip") else _filed(Path(given))
    if len(found) < count:
        raise SystemExit(f"BENCH_FACES has {len(found)} pictures; {count} are needed.")
    return found[:count]


def faces_dataset(folder: Path, encoded: list[bytes]) -> Path:
    """Write encoded pictures as the training split that a plugin is handed."""
    rows = [{"image": {"bytes": one, "path": None}} for one in encoded]
    return dataset_write(folder, "images", train=rows)


def _zipped(path: Path) -> list[bytes]:
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(".png"))
        return [archive.read(name) for name in names]


def _filed(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*.png"))]
