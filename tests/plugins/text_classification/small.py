"""Real sentences that the package chatterbot-corpus brings, by what they are about."""

import json
from functools import cache
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TOPICS = ("AI", "coding", "emotion", "trivia")
TRAIN: dict[str, Any] = {"method": "linear"}
PREDICT: list[Row] = [
    {"text": "Can you write a quicksort in Python?"},
    {"text": "Do you get angry and sad?"},
    {"text": "What is the capital of the country?"},
]


@cache
def sentences(language: str = "english", topics: tuple[str, ...] = TOPICS) -> tuple[Row, ...]:
    """Every sentence once, in the order of the files; a sentence keeps its first topic."""
    import chatterbot_corpus
    import yaml

    folder = Path(chatterbot_corpus.__file__).parent / "data" / language
    found: dict[str, Row] = {}
    for path in sorted(folder.glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for line in (line for talk in document["conversations"] for line in talk):
            text = str(line).strip()
            found.setdefault(text.lower(), {"text": text, "label": document["categories"][0]})
    return tuple(row for row in found.values() if row["label"] in topics and row["text"])


def dataset_file(folder: Path) -> Path:
    """Write them as JSON lines."""
    path = folder / "topics.jsonl"
    lines = (json.dumps(row, ensure_ascii=False) for row in sentences())
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def check(results: list[Any]) -> None:
    """See that what is clearly about something is told, with probabilities that add up."""
    coding, emotion, _capital = results
    assert (coding["label"], emotion["label"]) == ("coding", "emotion")
    for result in results:
        assert abs(sum(result["probabilities"].values()) - 1) < 1e-3
        assert result["probability"] == max(result["probabilities"].values())
