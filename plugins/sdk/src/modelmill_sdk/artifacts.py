"""Artifacts: the files of a finished model, which must be safe for anyone to load."""

import zipfile
from pathlib import Path

from modelmill_sdk.errors import PluginError

# Formats that run code when loaded. torch.save writes a zip with data.pkl in it, whatever its name.
_UNSAFE_SUFFIXES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill"})


def artifacts_check(model_dir: Path) -> None:
    """Raise PluginError unless the folder holds files, and none of them is a pickle or a link."""
    paths = sorted(model_dir.rglob("*"))
    if not any(path.is_file() for path in paths):
        raise PluginError("train() left no file in run.model_dir.")
    for path in paths:
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise PluginError(f"{path.name} in run.model_dir is not an ordinary file.")
        if path.is_file() and is_pickle(path):
            raise PluginError(
                f"{path.name} in run.model_dir is a pickle; write safetensors and JSON.",
                rule="no-pickle",
            )


def is_pickle(path: Path) -> bool:
    """Say whether a file is a pickle, or a container with one inside, whatever its name."""
    if path.suffix.lower() in _UNSAFE_SUFFIXES:
        return True
    with path.open("rb") as file:
        # Protocol 2 and later begin with 0x80 and their number (Python's pickletools, PROTO).
        head = file.read(2)
    if len(head) == 2 and head[0] == 0x80 and 2 <= head[1] <= 5 and path.suffix != ".safetensors":
        return True
    if head != b"PK" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith(".pkl") for name in archive.namelist())
