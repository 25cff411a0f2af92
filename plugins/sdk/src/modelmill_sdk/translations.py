"""A plugin's translations: a file for each language, beside its code, from sentence to sentence."""

import json
from collections.abc import Mapping

from modelmill_sdk.errors import ManifestError
from modelmill_sdk.manifest import Manifest
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.sentences import sentences_known
from modelmill_sdk.shown import file_beside

MAX_FILE_BYTES = 1024 * 1024


def translations_read(plugin: type[Plugin]) -> dict[str, dict[str, str]]:
    """Read the files that ``translations`` names, by language.

    Raises ManifestError for one that is missing, too large, or no object of texts.
    """
    return {language: _file_read(plugin, name) for language, name in plugin.translations.items()}


def translations_kept(
    read: Mapping[str, Mapping[str, str]], manifest: Manifest
) -> dict[str, dict[str, str]]:
    """Keep what translates a sentence of the manifest; the rest no page would ever look up."""
    known = sentences_known(manifest)
    return {
        language: {one: said for one, said in texts.items() if one in known}
        for language, texts in read.items()
    }


def _file_read(plugin: type[Plugin], name: str) -> dict[str, str]:
    path = file_beside(plugin, name)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ManifestError(f"{name}: translations have at most {MAX_FILE_BYTES} bytes.")
    try:
        texts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ManifestError(f"{name} is no JSON: {error}") from error
    if not isinstance(texts, dict) or not all(isinstance(one, str) for one in texts.values()):
        raise ManifestError(f"{name} must be one object, from sentences to their translations.")
    return texts
