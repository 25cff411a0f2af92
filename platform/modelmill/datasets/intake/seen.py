"""A set of hashes that moves to disk when it grows, so that memory stays bounded."""

import sqlite3
from pathlib import Path

_IN_MEMORY = 500_000
# Half of a SHA-256: two of 10⁹ rows meet with a chance of 10⁻²¹.
_BYTES = 16


class Seen:
    """Remembers keys, each with a small number, and says whether one is new."""

    def __init__(self, path: Path, *, in_memory: int = _IN_MEMORY) -> None:
        self._path = path
        self._limit = in_memory
        self._known: dict[bytes, int] = {}
        self._disk: sqlite3.Connection | None = None

    def add(self, key: bytes, number: int = 0) -> int | None:
        """Remember a key; return None if it is new, else the number it came with first."""
        short = key[:_BYTES]
        found = self._known.get(short)
        if found is not None:
            return found
        if self._disk is not None:
            row = self._disk.execute("SELECT number FROM seen WHERE key = ?", (short,)).fetchone()
            if row is not None:
                return int(row[0])
        self._known[short] = number
        if len(self._known) >= self._limit:
            self._spill()
        return None

    def close(self) -> None:
        """Forget everything."""
        if self._disk is not None:
            self._disk.close()

    def _spill(self) -> None:
        if self._disk is None:
            self._disk = sqlite3.connect(self._path, isolation_level=None)
            self._disk.execute("PRAGMA journal_mode=OFF")
            self._disk.execute("PRAGMA synchronous=OFF")
            self._disk.execute(
                "CREATE TABLE seen (key BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID"
            )
        self._disk.execute("BEGIN")
        self._disk.executemany("INSERT INTO seen VALUES (?, ?)", sorted(self._known.items()))
        self._disk.execute("COMMIT")
        self._known.clear()
