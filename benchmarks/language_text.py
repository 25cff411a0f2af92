"""A text to learn, cut in two: the first nine tenths are learned, the last tenth is held out.

``TINY_SHAKESPEARE=path`` names the file that nanoGPT's figures are for; without it the text is
Moby-Dick, fetched as the demo does.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Halves:
    """What is learned, what is held out, and what it is called."""

    name: str
    learned: str
    heldout: str


def halves(*, chars: int | None = None) -> Halves:
    """Read the text, the first ``chars`` of it if given."""
    given = os.environ.get("TINY_SHAKESPEARE")
    if given:
        name, text = "tiny Shakespeare", Path(given).read_text(encoding="utf-8")
    else:
        from deploy.demo.prose import prose_file

        with tempfile.TemporaryDirectory() as folder:
            text = prose_file(Path(folder) / "prose.txt").read_text(encoding="utf-8")
        name = "Moby-Dick"
    text = text[:chars]
    cut = len(text) * 9 // 10
    return Halves(name, text[:cut], text[cut:])
