"""A plugin's translations travel in its manifest: what it says, bounded, and nothing else."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Literal

import pytest
from modelmill_sdk import ManifestError, Params, Plugin
from modelmill_sdk.cards import card_sentences
from modelmill_sdk.conformance.engine import plugin_check
from modelmill_sdk.describing import manifest_make
from modelmill_sdk.discovery import entry_points_found, plugins_load
from modelmill_sdk.manifest import MAX_TEXT_CHARS, MAX_TEXTS_CHARS, Manifest
from modelmill_sdk.sentences import sentences_known, sentences_shown
from modelmill_sdk.translations import translations_read
from pydantic import Field, ValidationError

FAKES = EntryPoint("fakes", "modelmill_fakes", "modelmill")
WRONG = Path(__file__).parent / "wrong"
# Choices that are called the same in every language.
NAMES = {"float32", "bfloat16", "int8"}
SHELF = sorted(path.parent.name for path in (Path(__file__).parents[3] / "plugins").glob("*/src"))
SHELF.remove("sdk")


class Spoken(Plugin):
    """Says little."""

    id = "spoken"
    meters = {"words": "Words said"}
    card = "card.md"

    class PredictParams(Params):
        voice: Literal["low", "high"] = Field("low", description="Which voice.")

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> list[str]:
        return []


@pytest.fixture
def describe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Describe the plugin as if its module lay in a folder with these translations."""
    (tmp_path / "card.md").write_text("# Limits\n\n- It is **shy**.\n")
    monkeypatch.setattr("inspect.getfile", lambda plugin: str(tmp_path / "plugin.py"))
    monkeypatch.setattr(Spoken, "translations", {"zh-hans": "zh_Hans.json"})

    def describe(texts: object) -> Manifest:
        text = texts if isinstance(texts, str) else json.dumps(texts)
        (tmp_path / "zh_Hans.json").write_text(text, encoding="utf-8")
        return manifest_make(Spoken, entry_point=FAKES)

    return describe


def test_what_it_says_is_kept_and_survives_the_wire(describe: Any) -> None:
    said = {
        "Which voice.": "哪种声音。",
        "low": "低",
        "Words said": "字数",
        "Limits": "局限",
        "It is **shy**.": "它很**害羞**。",
    }
    manifest = describe({**said, "Nobody says this.": "没有人这样说。"})
    assert manifest.texts == {"zh-hans": said}
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_a_manifest_without_translations_is_as_valid_as_it_was(describe: Any) -> None:
    old = describe({}).model_dump(mode="json", exclude={"texts"})
    assert Manifest.model_validate(old).texts == {}


@pytest.mark.parametrize(
    "texts",
    [
        "{not json",
        ["a list"],
        {"Which voice.": 7},
        {"Which voice.": {"deep": "inside"}},
        {"Which voice.": ""},
        {"Which voice.": "长" * (MAX_TEXT_CHARS + 1)},
        {"Which voice.": "长" * 2**20},
    ],
)
def test_a_file_that_is_none_is_the_authors_to_mend(describe: Any, texts: object) -> None:
    with pytest.raises(ManifestError):
        describe(texts)


def test_a_file_elsewhere_is_not_read(describe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spoken, "translations", {"zh-hans": "../zh_Hans.json"})
    with pytest.raises(ManifestError, match="no file beside its module"):
        describe({})


@pytest.mark.parametrize(
    "texts",
    [
        {"zh-hans": {"Spoken": ["说"]}},
        {"zh-hans": "Spoken"},
        {"../zh": {"Spoken": "说"}},
        {"zh-hans": {"Spoken": "说" * (MAX_TEXT_CHARS + 1)}},
        {"zh-hans": {f"{at}" * 3: "说" * MAX_TEXT_CHARS for at in range(60)}},
        {f"x{chr(97 + at)}": {} for at in range(21)},
    ],
)
def test_a_plugins_process_cannot_tell_more_than_that(describe: Any, texts: object) -> None:
    honest = describe({}).model_dump(mode="json")
    assert 60 * MAX_TEXT_CHARS > MAX_TEXTS_CHARS
    with pytest.raises(ValidationError):
        Manifest.model_validate({**honest, "texts": texts})


def test_a_card_is_cut_where_a_page_cuts_it() -> None:
    card = "# One\ntwo\nthree\n\n- four\n\n| five | six |\n|---|---|\n\n```\nseven\n```\n"
    assert list(card_sentences(card)) == ["One", "two three", "four", "five", "six"]


@pytest.mark.parametrize(
    "translations",
    # In English only choices need a name, and none of them has to have one.
    [{"zh-hans": "zh_Hans.json"}, {"en": "en_choices.json"}],
)
def test_the_kit_passes_a_translation_that_is_whole(
    translations: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(WRONG))
    monkeypatch.syspath_prepend(str(WRONG))
    import mill_wrong_base

    monkeypatch.setattr(mill_wrong_base.Right, "translations", translations)
    report = plugin_check(mill_wrong_base.Right)
    (verdict,) = [one for one in report.verdicts if one.check == "translations"]
    assert verdict.outcome == "passed", verdict.reason


@pytest.mark.parametrize("folder", SHELF)
def test_a_plugin_of_ours_is_wholly_translated(folder: str) -> None:
    (point,) = [one for one in entry_points_found() if one.module == f"modelmill_{folder}.plugin"]
    for plugin in plugins_load(point):
        manifest = manifest_make(plugin, entry_point=point)
        said, known = set(manifest.texts["zh-hans"]), sentences_known(manifest)
        assert {*sentences_shown(manifest), *_choices(manifest)} <= said
        assert set(manifest.texts.get("en", ())) == _choices(manifest)
        assert set(translations_read(plugin)["zh-hans"]) <= known


def _choices(manifest: Manifest) -> set[str]:
    schemas = (manifest.train_schema, manifest.input_schema, manifest.predict_schema)
    fields = [field for schema in schemas for field in schema.get("properties", {}).values()]
    choices = {choice for field in fields for choice in field.get("enum", ())}
    return {one for one in choices if isinstance(one, str)} - NAMES
