"""The documents about plugins say what the code does."""

import importlib
import inspect
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import get_args

import pytest
from modelmill_sdk import hookspecs
from modelmill_sdk.conformance.checks import PROMISES
from modelmill_sdk.describing import class_check
from modelmill_sdk.discovery import EntryPoint, plugins_load
from modelmill_sdk.manifest import DATASET_KINDS
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import PROTOCOL, FromChild, ToChild
from modelmill_sdk.runs import PredictRun, TrainRun
from modelmill_sdk.testing import check_plugin, dataset_write, predict_once, train_once

from deploy.reference import MODULES, page_make, public_names

DOCS = Path(__file__).parents[3] / "docs"
AUTHORS = (DOCS / "plugin-authors.md").read_text(encoding="utf-8")
PROTOCOL_PAGE = (DOCS / "plugin-protocol.md").read_text(encoding="utf-8")
MESSAGES = [*get_args(get_args(ToChild)[0]), *get_args(get_args(FromChild)[0])]


@pytest.fixture(autouse=True)
def examples(monkeypatch):
    """Let the examples be imported, as if they were installed."""
    monkeypatch.syspath_prepend(str(DOCS / "examples"))
    yield
    for name in ("shout", "markov", "letters"):
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


def test_the_loop_for_several_devices_is_printed_whole() -> None:
    loop = textwrap.dedent(inspect.getsource(example("letters").train))
    assert f"```python\n{loop}```" in AUTHORS


@pytest.mark.parametrize("name", ["shout", "markov", "letters"])
def test_an_example_passes_the_check_that_the_page_names(name) -> None:
    command = f"mill-plugin check docs/examples/{name}.py"
    assert f"`{command}`" in AUTHORS
    checked = subprocess.run(
        [sys.executable, "-m", "modelmill_sdk.tools", *command.split()[1:]],
        cwd=DOCS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_two_lines_of_the_page_pass_for_the_class_it_prints() -> None:
    check_plugin(example("markov"))


def test_the_smallest_plugin_shouts(tmp_path) -> None:
    assert predict_once(example("shout"), tmp_path, [{"text": "hello"}]) == ["HELLO"]


def test_the_tutorials_own_test_passes(tmp_path) -> None:
    block = AUTHORS[AUTHORS.index("def test_it_goes_on_as_") :].partition("```")[0]
    scope = {
        "Markov": example("markov"),
        "dataset_write": dataset_write,
        "predict_once": predict_once,
        "train_once": train_once,
    }
    exec(block, scope)
    scope["test_it_goes_on_as_the_text_does"](tmp_path)


def test_the_tutorials_project_passes_the_check_that_it_names(tmp_path) -> None:
    shutil.copy(DOCS / "examples" / "markov.py", tmp_path)
    project = AUTHORS.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "pyproject.toml").write_text(project, encoding="utf-8")
    test = AUTHORS.partition("The test of a plugin is two lines")[2]
    assert "    check_plugin(Markov)\n" in test.partition("```python\n")[2].partition("```")[0]
    checked = subprocess.run(
        [sys.executable, "-m", "modelmill_sdk.tools", "check", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "markov" in checked.stdout


def test_the_reference_is_what_the_code_says() -> None:
    page = (DOCS / "plugin-reference.md").read_text(encoding="utf-8")
    assert page == page_make(), "The reference is stale: run `make reference`."


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_the_reference(module) -> None:
    page = (DOCS / "plugin-reference.md").read_text(encoding="utf-8")
    for name in MODULES[module] or public_names(importlib.import_module(module)):
        assert re.search(rf"^### (class )?`{name}\b", page, re.MULTILINE), name


def test_a_public_name_without_a_docstring_stops_the_reference(monkeypatch) -> None:
    monkeypatch.setattr(TrainRun.log, "__doc__", None)
    with pytest.raises(ValueError, match=r"TrainRun\.log is public and has no docstring"):
        page_make()


def test_the_checklist_names_every_check_and_no_other() -> None:
    page = (DOCS / "plugin-quality.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", page.partition("## An author")[0]))
    assert named == {promise.id for promise in PROMISES}


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
