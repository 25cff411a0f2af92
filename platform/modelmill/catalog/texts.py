"""What a plugin says of itself, in the reader's language where its author brought a translation."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language


def reader_texts(manifest: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the translations of a manifest's sentences into the language of this page.

    It is plain text of the plugin's author, as the manifest's own. What it lacks is read in
    English.
    """
    texts: Mapping[str, str] = manifest.get("texts", {}).get(get_language(), {})
    return texts


def reader_text(manifest: Mapping[str, Any], sentence: str) -> str:
    """Return one sentence of a manifest in the language of this page, else as it is."""
    return reader_texts(manifest).get(sentence, sentence)


def parameter_title(manifest: Mapping[str, Any], name: str) -> str:
    """Return what a training's parameter is called where its author translated it, or its name."""
    field: Mapping[str, Any] = manifest["train_schema"].get("properties", {}).get(name, {})
    return reader_texts(manifest).get(field.get("title", ""), name)


def metric_title(manifest: Mapping[str, Any], name: str) -> str:
    """Return what a metric is called in the language of this page: by its author, or its name."""
    title: str = manifest.get("metrics", {}).get(name, "")
    return reader_text(manifest, title) if title else name.replace("_", " ").capitalize()
