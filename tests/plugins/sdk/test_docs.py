"""The documents about plugins say what the code does."""

import re
import sys
from pathlib import Path
from typing import get_args

import pytest
from modelmill_sdk import hookspecs
from modelmill_sdk.describing import class_check
from modelmill_sdk.discovery import EntryPoint, plugins_load
from modelmill_sdk.manifest import DATASET_KINDS
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import PROTOCOL, FromChild, ToChild
from modelmill_sdk.runs import PredictRun, TrainRun
from modelmill_sdk.testing import dataset_write, predict_once, train_once

DOCS = Path(__file__).parents[3] / "docs"
AUTHORS = (DOCS / "plugin-authors.md").read_text(encoding="utf-8")
PROTOCOL_PAGE = (DOCS / "plugin-protocol.md").read_text(encoding="utf-8")
MESSAGES = [*get_args(get_args(ToChild)[0]), *get_args(get_args(FromChild)[0])]


@pytest.fixture(autouse=True)
def examples(monkeypatch):
    """Let the examples be imported, as if they were installed."""
    monkeypatch.syspath_prepend(str(DOCS / "examples"))
    yield
    for name in ("shout", "markov"):
        sys.modules.pop(name, None)


def example(name: str) -> type[Plugin]:
    """Load an example through its hook."""
    (plugin,) = plugins_load(EntryPoint(name, name, "modelmill"))
    return plugin


@pytest.mark.parametrize(("name", "most"), [("shout", 12), ("markov", 30)])
def test_an_example_is_printed_whole_and_short(name, most) -> None:
    source = (DOCS / "examples" / f"{name}.py").read_text(encoding="utf-8")
    assert f"```python\n{source}```" in AUTHORS
    assert len([line for line in source.splitlines() if line.strip()]) <= most
    class_check(example(name))


def test_the_smallest_plugin_shouts(tmp_path) -> None:
    assert predict_once(example("shout"), tmp_path, [{"text": "hello"}]) == ["HELLO"]


def test_the_tutorials_own_test_passes(tmp_path) -> None:
    block = AUTHORS[AUTHORS.index("def test_it_babbles") :].partition("```")[0]
    scope = {
        "Markov": example("markov"),
        "dataset_write": dataset_write,
        "predict_once": predict_once,
        "train_once": train_once,
    }
    exec(block, scope)
    scope["test_it_babbles"](tmp_path)


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("register")])
def test_every_hook_is_documented(hook) -> None:
    assert f"`{hook}`" in AUTHORS


@pytest.mark.parametrize("run", [TrainRun, PredictRun])
def test_every_verb_of_a_run_is_documented(run) -> None:
    verbs = [name for name in vars(run) if not name.startswith("_")]
    for verb in set(verbs) - {"close", "step", "request_id"}:
        assert re.search(rf"\b{verb}\b", AUTHORS), verb


def test_every_attribute_of_a_plugin_is_documented() -> None:
    for name in [*Plugin.__annotations__, "validate", "train", "evaluate", "load", "predict"]:
        assert re.search(rf"\b{name}\b", AUTHORS), name
    for kind in DATASET_KINDS:
        assert kind in AUTHORS


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_every_message_is_documented_with_its_fields(message) -> None:
    name = message.model_fields["type"].default
    (row,) = [line for line in PROTOCOL_PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    for field in set(message.model_fields) - {"type"}:
        assert re.search(rf"\b{field}\b", row), field


def test_the_protocols_number_is_the_documented_one() -> None:
    assert f"now **{PROTOCOL}**" in PROTOCOL_PAGE
