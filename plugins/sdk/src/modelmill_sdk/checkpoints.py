"""Checkpoints: folders that are either complete or not there."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

_TEMPORARY = ".tmp-"


class CheckpointFolder:
    """The folder that one attempt's checkpoints go to, as ``step-000000120``."""

    def __init__(self, root: Path, *, every_s: float) -> None:
        """Keep checkpoints under ``root``, one due ``every_s`` seconds after the last ended."""
        self.root = root
        self.every_s = every_s
        self._last_at = time.monotonic()

    def is_due(self) -> bool:
        """Say whether the interval has passed."""
        return time.monotonic() - self._last_at >= self.every_s

    def save(self, step: int, save: Callable[[Path], object]) -> Path:
        """Let ``save(folder)`` write its files, and give them their place once safe on disk.

        Files and folder are synced before the rename, so a torn checkpoint never has the name of
        a whole one, and the parent is synced after it, so the name survives a power cut.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        final = self.root / f"step-{step:09d}"
        temporary = self.root / f"{_TEMPORARY}{final.name}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        save(temporary)
        _sync_tree(temporary)
        # A step saved twice replaces the earlier one, which leaves as late and as fast as it can.
        replaced = self.root / f"{_TEMPORARY}replaced-{final.name}"
        if final.exists():
            final.rename(replaced)
        temporary.rename(final)
        _sync(self.root)
        shutil.rmtree(replaced, ignore_errors=True)
        self._last_at = time.monotonic()
        return final

    def clear_torn(self) -> None:
        """Delete what an earlier attempt left unfinished."""
        for folder in self.root.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(folder, ignore_errors=True)


def _sync_tree(root: Path) -> None:
    for path in root.rglob("*"):
        if not path.is_symlink():
            _sync(path)
    _sync(root)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
