"""Folders that plugins write to, made and cleared away."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Make a folder for the length of the block.

    Its path is resolved while nobody else can write to it: no link in it is ours from then on.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
    try:
        yield folder
    finally:
        folder_clear(folder)


def folder_clear(folder: Path) -> None:
    """Delete a folder with whatever a plugin left in it; what cannot be deleted stays."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        # Folders in folders in folders: Python goes down by calling itself, rm does not.
        command = ["rm", "-rf", "--", str(folder)]
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
