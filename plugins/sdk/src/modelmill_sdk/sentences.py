"""What a plugin says of itself: the sentences of its manifest that pages show, in English."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelmill_sdk.cards import card_sentences
from modelmill_sdk.manifest import Manifest


def sentences_shown(manifest: Manifest) -> dict[str, str]:
    """Give every sentence that a customer reads, with where it stands.

    Choices and what is without letters are left out: ``float32`` is ``float32`` in any language.
    What the operator's installed models are called is the operator's word and not the plugin's.
    """
    found = {manifest.title: "title", manifest.description: "description"}
    for schema, where in _schemas(manifest):
        for name, field in schema.get("properties", {}).items():
            for key in ("title", "description"):
                found.setdefault(field.get(key, ""), f"{where}.{name}")
    for meter, title in manifest.meters.items():
        found.setdefault(title, f"meters.{meter}")
    for metric, title in manifest.metrics.items():
        found.setdefault(title, f"metrics.{metric}")
    for sample in manifest.samples:
        found.setdefault(sample.name, "samples")
    for sentence in card_sentences(manifest.card):
        found.setdefault(sentence, "card")
    return {one: where for one, where in found.items() if any(map(str.isalpha, one))}


def sentences_known(manifest: Manifest) -> set[str]:
    """Give every sentence that may be translated: those shown, and all words of the schemas."""
    words = (word for schema, _where in _schemas(manifest) for word in _words(schema))
    return {*sentences_shown(manifest), *words}


def _schemas(manifest: Manifest) -> Iterator[tuple[dict[str, Any], str]]:
    yield manifest.train_schema, "TrainParams"
    yield manifest.input_schema, "Input"
    yield manifest.predict_schema, "PredictParams"


def _words(part: Any) -> Iterator[str]:
    """Give the titles, descriptions and choices of a schema, however deep they lie."""
    if isinstance(part, Mapping):
        named = (part.get("title"), part.get("description"), part.get("const"))
        choices = part.get("enum", ())
        for word in (*named, *(choices if isinstance(choices, list) else ())):
            if isinstance(word, str):
                yield word
    inner = part.values() if isinstance(part, Mapping) else part
    if isinstance(part, (Mapping, list)):
        for one in inner:
            yield from _words(one)
