"""Real pictures to train on: seeded cartoon faces, drawn on the spot, under CC0.

The style is "Lorelei" by Lisa Wischofsky, CC0 1.0, from the package
dicebear-styles.
"""

import functools
import json
import zipfile
from importlib.resources import files
from pathlib import Path

from dicebear import Avatar, Style
from resvg_py import svg_to_bytes

STYLE = "lorelei"


def faces_zip(path: Path, *, count: int, pixels: int) -> Path:
    """Write ``count`` PNG faces of ``pixels``² into a zip and return its path.

    The same count and size give the same pictures. A second call writes the
    file anew.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(count):
            archive.writestr(f"face-{number:04d}.png", face_png(number, pixels=pixels))
    return path


def face_png(seed: int, *, pixels: int) -> bytes:
    """Draw the face that this seed stands for."""
    options = {"seed": f"face {seed}", "backgroundColor": ["ffffff"]}
    svg = Avatar(_style(), options).to_string()
    return svg_to_bytes(svg_string=svg, width=pixels, height=pixels, skip_system_fonts=True)


@functools.cache
def _style() -> Style:
    text = files("dicebear_styles").joinpath(f"{STYLE}.json").read_text("utf-8")
    return Style(json.loads(text))
