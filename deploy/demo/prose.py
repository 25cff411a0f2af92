"""Real prose to train on: placeholder until the package is chosen."""

from pathlib import Path

PROMPT = "It is a truth"


def prose_file(path: Path) -> Path:
    """Write the text and return its path."""
    raise NotImplementedError(path)
