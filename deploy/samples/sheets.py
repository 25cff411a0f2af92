"""Sheets of pictures that plugins answered with, beside what they were given."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from modelmill_image_classification.plugin import ImageClassification
from modelmill_image_vae.plugin import ImageVae
from PIL import Image, ImageDraw, ImageFont

from deploy.samples.learning import Learnt, base64_of, beside, example_written

_SIDE = 128
_GAP = 8
_CAPTION = 24
_COLUMNS = 4


def vae_make(folder: Path) -> list[Path]:
    """Rebuild held-out pictures, go from one to another, and draw new ones."""
    learnt = Learnt(ImageVae, example_written("images", folder), folder, {"steps": 2000})
    given = [row["image"] for row in learnt.held_out[:_COLUMNS]]
    encoded = [base64_of(picture) for picture in given]
    rebuilt = learnt.asked([{"mode": "reconstruct", "image": one} for one in encoded])
    first, last, *_ = encoded
    way = [
        {"mode": "interpolate", "image": first, "image_to": last, "mix": step / 7}
        for step in range(2 * _COLUMNS)
    ]
    drawn = [{"mode": "sample", "seed": seed} for seed in range(2 * _COLUMNS)]
    sheets = {
        "rebuilt_below_what_was_given.png": [*map(_fitted, given), *map(_opened, rebuilt)],
        "from_one_to_another.png": [*map(_opened, learnt.asked(way))],
        "newly_drawn.png": [*map(_opened, learnt.asked(drawn))],
    }
    return [_sheet(pictures, beside(ImageVae, name)) for name, pictures in sheets.items()]


def classification_make(folder: Path) -> list[Path]:
    """Classify held-out pictures, and show below each where the network looked."""
    raw = example_written("labelled_images", folder)
    learnt = Learnt(ImageClassification, raw, folder, {})
    # They are in the order of their labels: the first ones all have the same.
    spread = learnt.held_out[:: len(learnt.held_out) // _COLUMNS][:_COLUMNS]
    given = [row["image"] for row in spread]
    answers = learnt.asked([{"image": base64_of(one)} for one in given], explain=True)
    heat = [base64.b64decode(one["explanation"]["picture"].split(",")[1]) for one in answers]
    said = [f"{one['label']} {one['probability']:.0%}" for one in answers]
    path = beside(ImageClassification, "what_it_sees_and_where_it_looks.png")
    return [_sheet([*map(_fitted, given), *map(_opened, heat)], path, captions=said)]


def _opened(picture: bytes | Path) -> Image.Image:
    source = io.BytesIO(picture) if isinstance(picture, bytes) else picture
    with Image.open(source) as opened:
        return _fitted(opened)


def _fitted(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)


def _sheet(pictures: Sequence[Image.Image], path: Path, *, captions: Sequence[str] = ()) -> Path:
    """Lay pictures out in two rows, with captions below the second."""
    step = _SIDE + _GAP
    foot = _CAPTION if captions else 0
    sheet = Image.new("RGB", (_COLUMNS * step + _GAP, 2 * step + _GAP + foot), "white")
    for number, picture in enumerate(pictures):
        row, column = divmod(number, _COLUMNS)
        sheet.paste(picture, (_GAP + column * step, _GAP + row * step))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=15)
    for column, caption in enumerate(captions):
        middle = _GAP + column * step + _SIDE // 2
        pen.text((middle, 2 * step + foot // 2 + 2), caption, "#2b2320", font=font, anchor="mm")
    sheet.save(path, optimize=True)
    return path
