"""A small example file of each kind of data, made on the spot: what to bring, and in which form."""

import io
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw

from modelmill.core.errors import NotFound
from modelmill.datasets.models import Kind

_PIXELS = 64
_PICTURES = 24
_COLOURS = ("#2f6f5e", "#c8553d", "#e0a458", "#3d5a80", "#7a4988", "#588157")
_GRAINS = ("wheat", "rye", "barley", "oats", "spelt", "maize")
_GOOD = ("ground fine and sweet", "delivered a day early", "the best flour we have had")
_BAD = ("arrived damp", "two sacks were short", "the flour was coarse and grey")


def example_make(kind: str) -> tuple[str, bytes]:
    """Return a file name and the bytes of an example, always the same ones.

    Raises ``NotFound`` for a kind that is none.
    """
    if kind not in _MAKERS:
        raise NotFound(f"There is no kind of data named {kind!r}.")
    name, make = _MAKERS[Kind(kind)]
    return name, make()


def _images() -> bytes:
    return _zip({f"mill-{n:02d}.png": _picture(n, is_round=n % 2 == 0) for n in range(_PICTURES)})


def _labelled_images() -> bytes:
    shapes = {"round": True, "square": False}
    return _zip(
        {
            f"{label}/{label}-{n:02d}.png": _picture(n, is_round=is_round)
            for label, is_round in shapes.items()
            for n in range(_PICTURES // 2)
        }
    )


def _text() -> bytes:
    lines = [
        f"On day {n} the miller ground {n % 9 + 3} sacks of {_GRAINS[n % 6]}, and the wheel turned."
        for n in range(1, 61)
    ]
    return "\n\n".join(lines).encode()


def _labelled_text() -> bytes:
    rows = []
    for n in range(24):
        grain, day = _GRAINS[n % 6], n + 1
        rows.append({"text": f"Sack {day} of {grain}: {_GOOD[n % 3]}.", "label": "praise"})
        rows.append({"text": f"Sack {day} of {grain}: {_BAD[n % 3]}.", "label": "complaint"})
    return _jsonl(rows)


def _conversations() -> bytes:
    return _jsonl(
        {
            "messages": [
                {"role": "user", "content": f"How long do you need for {n} sacks of {grain}?"},
                {
                    "role": "assistant",
                    "content": f"About {n * 20} minutes for {n} of {grain}.",
                },
            ]
        }
        for n, grain in ((n, _GRAINS[n % 6]) for n in range(2, 32))
    )


def _interactions() -> bytes:
    chance = random.Random(7)
    rows = ["user,item,rating,timestamp"]
    for user in range(1, 21):
        for at, item in enumerate(chance.sample(range(1, 31), 8)):
            rows.append(f"u{user},i{item},{chance.randint(1, 5)},{1_700_000_000 + 3600 * at}")
    return "\n".join(rows).encode()


def _table() -> bytes:
    chance = random.Random(7)
    rows = ["grain,moisture,hours,is_organic,price"]
    for _ in range(80):
        grain = chance.choice(_GRAINS)
        moisture, hours = round(chance.uniform(9, 17), 1), round(chance.uniform(0.5, 6), 1)
        is_organic = chance.random() < 0.4
        price = 20 + 3 * _GRAINS.index(grain) + 4 * hours - moisture + 6 * is_organic
        rows.append(f"{grain},{moisture},{hours},{str(is_organic).lower()},{price:.2f}")
    return "\n".join(rows).encode()


def _picture(number: int, *, is_round: bool) -> bytes:
    chance = random.Random(f"{number} {is_round}")
    picture = Image.new("RGB", (_PIXELS, _PIXELS), "#f4efe6")
    size, left, top = chance.randint(20, 40), chance.randint(2, 22), chance.randint(2, 22)
    draw = ImageDraw.Draw(picture)
    shape = draw.ellipse if is_round else draw.rectangle
    shape((left, top, left + size, top + size), fill=chance.choice(_COLOURS))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            # A fixed time, so that the same example has the same bytes.
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def _jsonl(rows: Any) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


_MAKERS: dict[Kind, tuple[str, Callable[[], bytes]]] = {
    Kind.IMAGES: ("example-images.zip", _images),
    Kind.LABELLED_IMAGES: ("example-labelled-images.zip", _labelled_images),
    Kind.TEXT: ("example-text.txt", _text),
    Kind.LABELLED_TEXT: ("example-labelled-text.jsonl", _labelled_text),
    Kind.CONVERSATIONS: ("example-conversations.jsonl", _conversations),
    Kind.INTERACTIONS: ("example-interactions.csv", _interactions),
    Kind.TABLE: ("example-table.csv", _table),
}
