"""Real pictures to train on: seeded cartoon faces, drawn on the spot, under CC0.

The style is "Open Peeps" by Pablo Stanley, CC0 1.0, from the package
dicebear-styles, with a few hair styles and expressions of the many it has, so
that little training shows much.
"""

import functools
import json
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from dicebear import Avatar, Style
from resvg_py import svg_to_bytes

STYLE: Final = "open-peeps"
OPTIONS: Final[dict[str, Any]] = {
    "maskProbability": 0,
    "accessoriesProbability": 0,
    "facialHairProbability": 0,
    "headVariant": [
        *["afro", "bangs", "bun", "flatTop", "long", "medium1", "medium2", "mediumBangs"],
        *["mediumStraight", "pomp", "short1", "short2", "short3", "short4", "short5", "turban"],
    ],
    "expressionVariant": [
        *["smile", "smileBig", "calm", "cute", "cheeky", "driven", "lovingGrin1"],
    ],
}


def faces_zip(path: Path, *, count: int, pixels: int) -> Path:
    """Write ``count`` PNG faces of ``pixels``² on white into a zip and return its path.

    The same count and size give the same pictures. A second call writes the
    file anew.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(count):
            archive.writestr(f"face-{number:04d}.png", face_png(number, pixels=pixels))
    return path


def face_png(seed: int, *, pixels: int) -> bytes:
    """Draw the face that this seed stands for."""
    avatar = Avatar(_style(), OPTIONS | {"seed": f"face-{seed}", "size": pixels})
    return svg_to_bytes(
        svg_string=avatar.to_string(),
        width=pixels,
        height=pixels,
        background="white",
        skip_system_fonts=True,
    )


@functools.cache
def _style() -> Style:
    text = files("dicebear_styles").joinpath(f"{STYLE}.json").read_text("utf-8")
    return Style(json.loads(text))
