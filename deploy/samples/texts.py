"""Questions and answers as texts: a line that begins with ``>`` was given, the rest is the answer.

No question is a row of the data that was learnt from.
"""

from pathlib import Path
from typing import Any

from modelmill_embeddings.plugin import Embeddings
from modelmill_recommendation.plugin import Recommendation
from modelmill_sdk import Plugin
from modelmill_sdk.bases import base_folder
from modelmill_sdk.testing import predict_once
from modelmill_tabular.plugin import Tabular
from modelmill_text_classification.plugin import TextClassification

from deploy.samples.learning import SEED, Learnt, beside, example_written

_ENCODER = "all-minilm-l6-v2"
_OPINIONS = (
    "Your spelt flour is fine and sweet, the best we have had!",
    "Half of the maize arrived damp, and nobody answers.",
    "The rye came a day early, but it was coarse and grey.",
)
_GUESTS = (
    ["rye loaf", "sourdough", "crispbread"],
    ["croissant", "apple turnover"],
    ["focaccia", "grissini", "ciabatta"],
)
_ROWS: tuple[dict[str, Any], ...] = (
    {"grain": "rye", "moisture": 12.0, "hours": 3.0, "is_organic": True},
    {"grain": "maize", "moisture": 10.5, "hours": 5.5, "is_organic": False},
    {"grain": "wheat", "moisture": 15.0, "hours": 1.0, "is_organic": None},
)
_ASKED = ("How do I send something back?", "When does the flour arrive?")
_ANSWERS = (
    "Returns are free within thirty days: print the label and drop the parcel off.",
    "Flour leaves the mill every morning and is with you the next day.",
    "You pay at the end of the month, by card or by transfer.",
    "The mill is closed on Sundays and on public holidays.",
)


def classification_make(folder: Path) -> list[Path]:
    """Classify opinions, with the words that spoke for each answer."""
    raw = example_written("labelled_text", folder)
    learnt = Learnt(TextClassification, raw, folder, {})
    answers = learnt.asked([{"text": text} for text in _OPINIONS], explain=True)
    said = [f"{one['label']} · {one['probability']:.0%}\n{_words(one)}" for one in answers]
    return [_written(TextClassification, "opinions_told_apart.txt", _OPINIONS, said)]


def recommendation_make(folder: Path) -> list[Path]:
    """Recommend to newcomers who bring what they met."""
    learnt = Learnt(Recommendation, example_written("interactions", folder), folder, {})
    answers = learnt.asked([{"items": items} for items in _GUESTS], k=3, seen="exclude")
    said = ["\n".join(map(_ranked, answer["recommendations"])) for answer in answers]
    met = [", ".join(items) for items in _GUESTS]
    return [_written(Recommendation, "what_comes_next.txt", met, said)]


def tabular_make(folder: Path) -> list[Path]:
    """Complete rows whose price is not known, one of them with a gap."""
    learnt = Learnt(Tabular, example_written("table", folder), folder, {})
    answers = learnt.asked([{"row": row} for row in _ROWS])
    given = [", ".join(f"{name}: {_cell(value)}" for name, value in row.items()) for row in _ROWS]
    said = [
        f"price: {one['value']:.2f}\n{one['coverage']:.0%}: {one['low']:.2f} – {one['high']:.2f}"
        for one in answers
    ]
    return [_written(Tabular, "rows_completed.txt", given, said)]


def embeddings_make(folder: Path) -> list[Path]:
    """Order answers by how close they are to a question."""
    texts = [*_ASKED, *_ANSWERS]
    inputs = [{"text": one} for one in texts]
    found = predict_once(Embeddings, base_folder(_ENCODER), inputs, seed=SEED, out_dir=folder)
    vectors = [one["embedding"] for one in found]
    said = []
    for asked in vectors[: len(_ASKED)]:
        near = [
            (sum(a * b for a, b in zip(asked, one, strict=True)), text)
            for one, text in zip(vectors[len(_ASKED) :], _ANSWERS, strict=True)
        ]
        said.append("\n".join(f"{close:.2f} · {text}" for close, text in sorted(near)[::-1]))
    return [_written(Embeddings, "answers_by_closeness.txt", _ASKED, said)]


def _written(plugin: type[Plugin], name: str, given: Any, said: list[str]) -> Path:
    pairs = zip(given, said, strict=True)
    text = "\n\n".join(f"> {asked}\n{answer}" for asked, answer in pairs)
    path = beside(plugin, name)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _ranked(one: dict[str, Any]) -> str:
    return f"{one['rank']}. {one['item']} · {one['score']:.2f}"


def _words(answer: dict[str, Any]) -> str:
    """Name the three parts that spoke most for an answer."""
    parts = [one["text"].strip() for one in answer["explanation"]["words"] if one["weight"] > 0]
    return ", ".join(parts[:3])


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
