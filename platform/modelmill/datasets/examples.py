"""A small example file of each kind of data, made on the spot: what to bring, and in which form."""

import io
import itertools
import json
import random
import zipfile
from collections.abc import Callable
from typing import Any

from modelmill.core.errors import NotFound
from modelmill.datasets.example_faces import face_png
from modelmill.datasets.models import Kind

# So many of each kind that eight tenths, the training part, are enough for any shipped plugin.
_PICTURES = 160
_GRAINS = ("wheat", "rye", "barley", "oats", "spelt", "maize")
_PRAISE = (
    "ground fine and sweet",
    "delivered a day early",
    "the best flour we have had",
    "our bread rose as never before",
    "friendly people and a fair price",
)
_COMPLAINT = (
    "arrived damp",
    "two sacks were short",
    "the flour was coarse and grey",
    "delivered three days late",
    "stones in it, and nobody answers",
)
_OPENINGS = (
    "The {grain} of this week: {said}.",
    "We ordered {grain} again: {said}.",
    "About your {grain}: {said}, to be honest.",
)
_TASTES = (
    ("rye loaf", "pumpernickel", "sourdough", "malt bread", "caraway roll", "crispbread"),
    ("croissant", "brioche", "cinnamon bun", "apple turnover", "plum cake", "almond slice"),
    ("ciabatta", "focaccia", "olive bread", "grissini", "pizza bianca", "tomato flatbread"),
    ("oat biscuit", "ginger snap", "shortbread", "macaroon", "honey cake", "rice cracker"),
)


def example_make(kind: str) -> tuple[str, bytes]:
    """Return a file name and the bytes of an example, always the same ones.

    Raises ``NotFound`` for a kind that is none.
    """
    if kind not in _MAKERS:
        raise NotFound(f"There is no kind of data named {kind!r}.")
    name, make = _MAKERS[Kind(kind)]
    return name, make()


def _images() -> bytes:
    return _zip({f"face-{n:03d}.png": face_png(n, is_smiling=n % 2 == 0) for n in range(_PICTURES)})


def _labelled_images() -> bytes:
    labels = {"smiling": True, "frowning": False}
    return _zip(
        {
            f"{label}/{label}-{n:03d}.png": face_png(n, is_smiling=is_smiling)
            for label, is_smiling in labels.items()
            for n in range(_PICTURES // 2)
        }
    )


def _text() -> bytes:
    lines = [
        f"On day {n} the miller ground {n % 9 + 3} sacks of {_GRAINS[n % 6]}, and the wheel turned."
        for n in range(1, 121)
    ]
    return "\n\n".join(lines).encode()


def _labelled_text() -> bytes:
    opinions = {"praise": _PRAISE, "complaint": _COMPLAINT}
    return _jsonl(
        {"text": opening.format(grain=grain, said=said), "label": label}
        for opening, grain, label in itertools.product(_OPENINGS, _GRAINS, opinions)
        for said in opinions[label]
    )


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
        for n, grain in ((n, _GRAINS[n % 6]) for n in range(2, 62))
    )


def _interactions() -> bytes:
    chance = random.Random(7)
    rows = ["user,item,rating,timestamp"]
    for user in range(80):
        taste = user % len(_TASTES)
        liked = chance.sample(_TASTES[taste], 5)
        tried = chance.sample(_TASTES[(taste + 1) % len(_TASTES)], 2)
        met = chance.sample([*liked, *tried], 7)
        for at, item in enumerate(met):
            rating = chance.randint(4, 5) if item in liked else chance.randint(1, 3)
            rows.append(f"guest-{user + 1},{item},{rating},{1_700_000_000 + 3600 * at}")
    return "\n".join(rows).encode()


def _table() -> bytes:
    chance = random.Random(7)
    rows = ["grain,moisture,hours,is_organic,price"]
    for _ in range(240):
        grain = chance.choice(_GRAINS)
        moisture, hours = round(chance.uniform(9, 17), 1), round(chance.uniform(0.5, 6), 1)
        is_organic = chance.random() < 0.4
        price = 20 + 3 * _GRAINS.index(grain) + 4 * hours - moisture + 6 * is_organic
        rows.append(f"{grain},{moisture},{hours},{str(is_organic).lower()},{price:.2f}")
    return "\n".join(rows).encode()


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
