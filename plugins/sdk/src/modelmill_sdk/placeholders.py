"""What ``mill-plugin new`` leaves for the author to say: found by the kit, kept from customers."""

import re

from modelmill_sdk.manifest import Manifest

AUTHOR = "Your name"
EXAMPLE = "This is the example that `mill-plugin new` writes, and nobody has made it their own yet."
# And what it wrote in earlier versions.
_LINES = frozenset(
    {
        EXAMPLE,
        "Say who uses it, and what they get.",
        "Say which data it accepts, how much of it, and where it must not be used.",
        "Give a figure, the data it was measured on, and the command that anybody can run to see "
        "it.",
        "Say what it cannot do, and what it gets wrong.",
        "Name the papers, the base models and the data, each with its licence.",
    }
)
_SECTION = re.compile(r"^(?=#{1,6}\s)", re.MULTILINE)


def placeholders_left(manifest: Manifest) -> tuple[str, ...]:
    """Say, for the author, what nobody has replaced yet."""
    said = []
    if manifest.author.strip() == AUTHOR:
        said.append(f"Warning: the author is still {AUTHOR!r}; change authors in pyproject.toml.")
    lines = (line.strip() for line in manifest.card.splitlines())
    said += [f"Warning: the card still says {line!r}" for line in lines if line in _LINES]
    return tuple(said)


def placeholders_drop(manifest: Manifest) -> Manifest:
    """Leave out what customers must not read: the lines, and headings with nothing else below."""
    author = "" if manifest.author.strip() == AUTHOR else manifest.author
    card = "".join(map(_section_clean, _SECTION.split(manifest.card)))
    return manifest.model_copy(update={"author": author, "card": card})


def _section_clean(section: str) -> str:
    lines = section.splitlines(keepends=True)
    kept = [line for line in lines if line.strip() not in _LINES]
    if len(kept) == len(lines):
        return section
    says = [line for line in kept if line.strip() and not line.startswith("#")]
    return "".join(kept) if says else ""
