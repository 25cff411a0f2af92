"""The folders of one check, and what is in them."""

import hashlib
import json
from pathlib import Path

_LENGTH_BYTES = 8
_METADATA = "__metadata__"


class Scratch:
    """Everything a check writes lies below one folder, and only a part of it may be written."""

    def __init__(self, root: Path) -> None:
        """Lay the folders out below ``root``, which the caller deletes."""
        self.root = root.resolve()
        self.home = self._made("home")
        self.temporary = self._made("tmp")
        # Libraries keep caches in hidden folders of the home, which vanish with it.
        self.cache = self._made("home/.cache")
        self.runs = self._made("runs")
        self.outputs = self._made("outputs")
        self.shelf = self._made("shelf")
        self.data = self._made("data")
        self._orders_count = 0

    @property
    def writable(self) -> tuple[Path, ...]:
        """The folders a plugin may write to."""
        return (self.runs, self.outputs, self.temporary, self.cache)

    def orders_file(self) -> Path:
        """Name a file for the orders of the next process."""
        self._orders_count += 1
        return self.root / f"orders-{self._orders_count}.json"

    def strays(self) -> list[str]:
        """Name what lies in the home and working folder, hidden folders left out."""
        found = [path for path in self.home.rglob("*") if path.is_file()]
        names = [path.relative_to(self.home).as_posix() for path in found]
        return sorted(name for name in names if not name.startswith("."))

    def _made(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def folder_digests(folder: Path) -> dict[str, str]:
    """Hash every file of a folder, by its path inside it.

    Of safetensors the content counts: their header lists tensors and metadata in any order.
    """
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(_content(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def folder_difference(first: dict[str, str], second: dict[str, str]) -> str:
    """Say in words how two folders differ; nothing if they do not."""
    if first == second:
        return ""
    missing = sorted(set(first) - set(second))
    added = sorted(set(second) - set(first))
    changed = sorted(name for name in set(first) & set(second) if first[name] != second[name])
    parts = [("is missing", missing), ("is new", added), ("differs", changed)]
    return "; ".join(f"{', '.join(names[:5])} {what}" for what, names in parts if names)


def _content(path: Path) -> bytes:
    whole = path.read_bytes()
    if path.suffix != ".safetensors" or len(whole) < _LENGTH_BYTES:
        return whole
    # The format: eight bytes of length, little-endian, a header in JSON, then the tensors.
    body = _LENGTH_BYTES + int.from_bytes(whole[:_LENGTH_BYTES], "little")
    try:
        header = json.loads(whole[_LENGTH_BYTES:body])
        tensors = sorted((name, value) for name, value in header.items() if name != _METADATA)
        parts = [json.dumps(header.get(_METADATA), sort_keys=True).encode()]
        for name, tensor in tensors:
            first, last = tensor.pop("data_offsets")
            parts += [f"{name}{tensor}".encode(), whole[body + first : body + last]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return whole
    return b"\0".join(parts)
