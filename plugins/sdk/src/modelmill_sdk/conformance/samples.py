"""A small dataset of each kind, always the same, that a model can learn something from."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelmill_sdk.manifest import (
    CONVERSATIONS,
    IMAGES,
    INTERACTIONS,
    LABELLED_IMAGES,
    LABELLED_TEXT,
    TABLE,
    TEXT,
)
from modelmill_sdk.testing.datasets import dataset_write

Row = dict[str, Any]

TRAIN_ROWS = 120
HELD_OUT_ROWS = 24

SIDE = 64

_USERS = 24

_WHO = ("The miller", "Her brother", "A grey cat", "The old baker", "Nobody")
_DID = ("carried", "counted", "hid", "weighed", "sold")
_WHAT = ("the flour", "seven sacks", "a silver coin", "the last loaf", "the key")
_GOOD = ("a fine loaf", "warm and fresh", "the best flour", "good as ever")
_BAD = ("a stale crust", "cold and late", "the worst flour", "bad as ever")


def sample_dataset(folder: Path, kind: str) -> Path:
    """Write the small dataset of a kind, with all three splits, and return its folder."""
    row = _ROWS[kind]
    draw = random.Random(kind)
    rows = [row(draw, number) for number in range(TRAIN_ROWS + 2 * HELD_OUT_ROWS)]
    held = TRAIN_ROWS + HELD_OUT_ROWS
    return dataset_write(
        folder,
        kind,
        train=rows[:TRAIN_ROWS],
        validation=rows[TRAIN_ROWS:held],
        test=rows[held:],
        label_names=LABEL_NAMES.get(kind),
    )


def sample_text(number: int) -> str:
    """Give a short sentence; equal numbers give equal ones."""
    draw = random.Random(number)
    return f"{draw.choice(_WHO)} {draw.choice(_DID)} {draw.choice(_WHAT)} on day {number % 90}."


def sample_picture(number: int, *, is_round: bool) -> Any:
    """Draw a disc or a square in a colour of its own, as a PIL image."""
    from PIL import Image, ImageDraw

    draw = random.Random(number)
    picture = Image.new("RGB", (SIDE, SIDE), (draw.randrange(60), 40, 60))
    left, top, size = draw.randrange(4, 16), draw.randrange(4, 16), draw.randrange(28, 44)
    colour = (120 + draw.randrange(130), 120 + draw.randrange(130), 90)
    brush = ImageDraw.Draw(picture)
    shape = brush.ellipse if is_round else brush.rectangle
    shape((left, top, left + size, top + size), fill=colour)
    return picture


def sample_row(number: int) -> Row:
    """Give a row of the small table without the column that is to be predicted."""
    row = _table_row(random.Random(number), number)
    return {name: value for name, value in row.items() if name != "target"}


LABEL_NAMES = {LABELLED_IMAGES: ["disc", "square"], LABELLED_TEXT: ["bad", "good"]}


def _image(draw: random.Random, number: int) -> Row:
    return {"image": sample_picture(number, is_round=number % 2 == 0)}


def _labelled_image(draw: random.Random, number: int) -> Row:
    return {**_image(draw, number), "label": number % 2}


def _text(draw: random.Random, number: int) -> Row:
    return {"text": sample_text(number)}


def _labelled_text(draw: random.Random, number: int) -> Row:
    words = (_BAD, _GOOD)[number % 2]
    text = f"{draw.choice(_WHO)} {draw.choice(_DID)} {draw.choice(words)} {number}."
    return {"text": text, "label": number % 2}


def _conversation(draw: random.Random, number: int) -> Row:
    what = draw.choice(_WHAT)
    return {
        "messages": [
            {"role": "user", "content": f"Who {draw.choice(_DID)} {what}?"},
            {"role": "assistant", "content": f"{draw.choice(_WHO)} did, on day {number}."},
        ]
    }


def _interaction(draw: random.Random, number: int) -> Row:
    # Each user goes round the items in order, so that what comes next can be learnt.
    user, turn = number % _USERS, number // _USERS
    return {
        "user": f"user-{user}",
        "item": f"item-{(user + turn) % 10}",
        "rating": float(1 + (user * turn) % 5),
        "timestamp": 1_700_000_000 + number * 60,
    }


def _table_row(draw: random.Random, number: int) -> Row:
    grams, days = draw.uniform(100, 900), draw.randrange(10)
    return {
        "grams": None if number % 17 == 5 else round(grams, 2),
        "days": days,
        "grain": None if number % 19 == 7 else draw.choice(("rye", "wheat", "oats")),
        "price": round(grams / 100 - days / 4, 2),
        "target": "yes" if grams / 100 > days else "no",
    }


_ROWS: dict[str, Callable[[random.Random, int], Row]] = {
    IMAGES: _image,
    LABELLED_IMAGES: _labelled_image,
    TEXT: _text,
    LABELLED_TEXT: _labelled_text,
    CONVERSATIONS: _conversation,
    INTERACTIONS: _interaction,
    TABLE: _table_row,
}
