"""What a plugin ships to be shown: its model card and its samples, files beside its code."""

import inspect
import shutil
from pathlib import Path

from modelmill_sdk.errors import ManifestError
from modelmill_sdk.manifest import (
    MAX_CARD_CHARS,
    MAX_SAMPLE_BYTES,
    MAX_SAMPLE_CHARS,
    MAX_SAMPLES,
    ManifestSample,
)
from modelmill_sdk.plugin import Plugin

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_TEXTS = (".txt",)


def card_read(plugin: type[Plugin]) -> str:
    """Read the Markdown that ``card`` names, "" if it names none.

    Raises ManifestError if it is not there or too long.
    """
    if not plugin.card:
        return ""
    text = file_beside(plugin, plugin.card).read_text(encoding="utf-8")
    if len(text) > MAX_CARD_CHARS:
        raise ManifestError(
            f"{plugin.card}: {len(text)} characters; a card has at most {MAX_CARD_CHARS}."
        )
    return text


def samples_read(plugin: type[Plugin], *, out_dir: Path | None) -> tuple[ManifestSample, ...]:
    """Read the files that ``samples`` names; pictures are copied to ``out_dir`` where there is one.

    Raises ManifestError for a file that is missing, too large, or of another kind.
    """
    if len(plugin.samples) > MAX_SAMPLES:
        raise ManifestError(f"{plugin.__name__}.samples: at most {MAX_SAMPLES}.")
    return tuple(
        _sample(plugin, name, out_dir=out_dir and out_dir / f"{plugin.id}-{number}")
        for number, name in enumerate(plugin.samples)
    )


def file_beside(plugin: type[Plugin], name: str) -> Path:
    """Give a file beside a plugin's module. Raises ManifestError if it is none."""
    folder = Path(inspect.getfile(plugin)).resolve().parent
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise ManifestError(f"{plugin.__name__} names {name}, which is no file beside its module.")
    return path


def _sample(plugin: type[Plugin], name: str, *, out_dir: Path | None) -> ManifestSample:
    path = file_beside(plugin, name)
    title = path.stem.replace("_", " ").replace("-", " ").capitalize()
    if path.stat().st_size > MAX_SAMPLE_BYTES:
        raise ManifestError(f"{name}: a sample has at most {MAX_SAMPLE_BYTES} bytes.")
    if path.suffix in _TEXTS:
        text = path.read_text(encoding="utf-8")
        return ManifestSample(name=title, kind="text", text=text[:MAX_SAMPLE_CHARS])
    if path.suffix not in _PICTURES:
        known = ", ".join((*_PICTURES, *_TEXTS))
        raise ManifestError(f"{name}: a sample is one of {known}.")
    copy = None
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)
        copy = Path(shutil.copyfile(path, out_dir / path.name))
    return ManifestSample(name=title, kind="image", path=copy)
