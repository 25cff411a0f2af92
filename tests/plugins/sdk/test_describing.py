"""A plugin's description of itself, and what is refused in it."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest
from modelmill_fakes.answering import Speaker
from modelmill_fakes.stepping import Stepper
from modelmill_sdk import Installed, LeftOut, ManifestError, Params, Plugin
from modelmill_sdk.describing import MORE, class_check, manifest_make
from modelmill_sdk.discovery import plugins_load
from pydantic import Field

FAKES = EntryPoint("fakes", "modelmill_fakes", "modelmill")


def test_an_entry_point_gives_its_classes() -> None:
    assert [plugin.id for plugin in plugins_load(FAKES)] == [
        "fake-stepper",
        "fake-learner",
        "fake-team",
        "fake-echo",
        "fake-embedder",
        "fake-speaker",
        "fake-painter",
        "fake-trouble",
    ]


def test_a_module_without_the_hook_is_refused() -> None:
    with pytest.raises(ManifestError, match="register_models"):
        plugins_load(EntryPoint("x", "modelmill_fakes.stepping", "modelmill"))


def test_a_manifest_says_it_all() -> None:
    manifest = manifest_make(Stepper, entry_point=FAKES)
    assert manifest.plugin_id == "fake-stepper"
    assert (manifest.trains, manifest.streams) == (True, False)
    assert manifest.accepts == ("text",)
    assert manifest.digest.startswith("sha256:")
    steps = manifest.train_schema["properties"]["steps"]
    assert (steps["default"], steps["minimum"], steps["description"]) == (
        10,
        1,
        "How far to count.",
    )
    assert manifest.train_schema["additionalProperties"] is False


def test_a_generator_streams_and_a_missing_train_is_inference_only() -> None:
    manifest = manifest_make(Speaker, entry_point=FAKES)
    assert (manifest.trains, manifest.streams) == (False, True)


def test_the_digest_does_not_change_by_itself() -> None:
    first, second = (manifest_make(Stepper, entry_point=FAKES).digest for _ in range(2))
    assert first == second


class Good(Plugin):
    id = "good"

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> list[str]:
        return []


class Undescribed(Params):
    size: int = 3


class WithoutDefault(Params):
    size: int = Field(description="Size.")


class BadDefault(Params):
    size: int = Field(default=0, ge=1, description="Size.")


class WithoutSchema(Params):
    thing: Any = Field(default=None, description="A thing.")
    code: type = Field(default=int, description="No JSON for this.")


def variant(**attributes: Any) -> type[Plugin]:
    return type("Variant", (Good,), attributes)


def train(self: Plugin, run: Any) -> None:
    """Train nothing."""


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"id": "Not An Id"}, "Variant.id must be like"),
        ({"accepts": ("pictures",)}, "'pictures' is none of"),
        ({"meters": {"gpu_ms": "GPU"}}, "not a name a plugin may count"),
        ({"meters": {"Tokens out": "x"}}, "not a name a plugin may count"),
        ({"train": train}, "accepts must name"),
        ({"predict": Plugin.predict}, "has no predict"),
        ({"TrainParams": Undescribed}, "size has no description"),
        ({"PredictParams": WithoutDefault}, "size has no default"),
        ({"TrainParams": BadDefault}, "defaults of Variant.TrainParams are not valid"),
        ({"Input": dict}, "must be a subclass of modelmill_sdk.Params"),
    ],
)
def test_a_poor_description_says_what_to_mend(attributes, says) -> None:
    with pytest.raises(ManifestError, match=says):
        class_check(variant(**attributes))


def test_an_input_may_be_required() -> None:
    class_check(variant(Input=WithoutDefault))


def test_parameters_without_a_json_schema_are_refused() -> None:
    with pytest.raises(ManifestError, match="no JSON Schema"):
        manifest_make(variant(TrainParams=WithoutSchema), entry_point=FAKES)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ManifestError, match="max_batch"):
        manifest_make(variant(max_batch=0), entry_point=FAKES)


def test_no_report_of_what_is_left_out_makes_a_plugin_invalid() -> None:
    told = [LeftOut(folder="a\udcff", reason="x" * 900), *[LeftOut(folder="b", reason="")] * 300]
    plugin = variant(left_out=classmethod(lambda cls: told))
    left_out = manifest_make(plugin, entry_point=FAKES).left_out
    assert (left_out[0].folder, left_out[0].reason) == ("a?", "x" * 500)
    assert (len(left_out), left_out[-1].folder, left_out[-1].reason) == (200, "+ 102", MORE)


def test_models_beyond_the_bound_are_left_out_by_name() -> None:
    offered = [Installed(folder=f"base-{place}") for place in range(202)]
    plugin = variant(installed=classmethod(lambda cls: offered))
    manifest = manifest_make(plugin, entry_point=FAKES)
    assert len(manifest.installed) == 200
    assert [one.folder for one in manifest.left_out] == ["base-200", "base-201"]


def test_something_else_than_a_plugin_is_refused() -> None:
    with pytest.raises(ManifestError, match="subclass"):
        class_check(dict)
