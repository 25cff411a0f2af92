"""Two classes of pictures of 150×150 for anybody: drawn people who are glad, and who are not.

In the style of the demo's faces ("Open Peeps" by Pablo Stanley, CC0 1.0), but with every head and
skin there is, beards, glasses, and many expressions of each class.
"""

import functools
import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

SIDE: Final = 150
_FOLDER = Path(__file__).resolve().parents[1] / ".build" / "moods"
GLAD: Final = ["smile", "smileBig", "smileLOL", "smileTeethGap", "lovingGrin1", "lovingGrin2"]
NOT_GLAD: Final = [
    *["angryWithFang", "concerned", "concernedFear", "contempt", "fear", "hectic"],
    *["rage", "serious", "solemn", "suspicious", "tired", "veryAngry"],
]
_OPTIONS: Final[dict[str, Any]] = {
    "maskProbability": 0,
    "accessoriesProbability": 40,
    "facialHairProbability": 30,
}

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def moods(count: int) -> tuple[Pixels, Labels]:
    """Give pixels ``(count, 150, 150, 3)`` and labels ``(count,)``: 1 for glad, half of each."""
    labels = np.random.default_rng(0).permutation(np.arange(count) % 2)
    path = _FOLDER / f"{count}.npy"
    if not path.exists():
        print(f"Drawing {count} people …", flush=True)
        drawn = [_draw(number, is_glad=bool(label)) for number, label in enumerate(labels)]
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack(drawn))
    return np.load(path), labels


def _draw(number: int, *, is_glad: bool) -> Pixels:
    from dicebear import Avatar
    from PIL import Image
    from resvg_py import svg_to_bytes

    expressions = GLAD if is_glad else NOT_GLAD
    chosen = {"seed": f"mood-{number}", "size": SIDE, "expressionVariant": expressions}
    drawn = svg_to_bytes(
        svg_string=Avatar(_style(), _OPTIONS | chosen).to_string(),
        width=SIDE,
        height=SIDE,
        background="white",
        skip_system_fonts=True,
    )
    return np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB"))


@functools.cache
def _style() -> Any:
    from dicebear import Style

    return Style(json.loads(files("dicebear_styles").joinpath("open-peeps.json").read_text()))
