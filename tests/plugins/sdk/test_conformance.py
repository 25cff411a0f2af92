"""The conformance kit passes what is right, and names the one thing that is wrong."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from modelmill_sdk import Params
from modelmill_sdk.conformance.checks import PROMISES
from modelmill_sdk.conformance.checks.describing import fields_faults
from modelmill_sdk.conformance.engine import plugin_check
from modelmill_sdk.testing import check_plugin
from pydantic import Field, RootModel

WRONG = Path(__file__).parent / "wrong"

sys.path.insert(0, str(WRONG))
import mill_greedy  # noqa: E402
import mill_heavy  # noqa: E402
import mill_wrong  # noqa: E402
import mill_wrong_base  # noqa: E402

BROKEN = [
    plugin
    for _, plugin in inspect.getmembers(mill_wrong, inspect.isclass)
    if plugin.__module__ == "mill_wrong"
]


@pytest.fixture(autouse=True)
def wrong_is_importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the processes of the kit import the plugins, too."""
    monkeypatch.setenv("PYTHONPATH", str(WRONG))
    yield


def test_a_right_plugin_keeps_every_promise() -> None:
    report = plugin_check(mill_wrong_base.Right)
    outcomes = {one.check: one.outcome for one in report.verdicts}
    assert outcomes.pop("samples-readable") == "skipped"
    assert set(outcomes.values()) == {"passed"}, report.as_text()


@pytest.mark.parametrize("plugin", BROKEN, ids=lambda plugin: plugin.__name__)
def test_a_wrong_plugin_is_refused_for_that_reason_alone(plugin) -> None:
    report = plugin_check(plugin)
    assert report.failed == [plugin.breaks], report.as_text()
    (verdict,) = [one for one in report.verdicts if one.outcome == "failed"]
    assert verdict.reason
    assert verdict.fix


def test_a_heavy_import_is_seen_when_describing() -> None:
    assert plugin_check(mill_heavy.Heavy).failed == ["describes-light"]


def test_a_thread_too_many_is_seen() -> None:
    report = plugin_check(mill_greedy.Greedy)
    assert report.failed == ["threads-respected"], report.as_text()
    assert "torch was set to 2 threads instead of 1." in report.as_text()


def test_the_two_line_test_raises_with_the_whole_table() -> None:
    with pytest.raises(AssertionError, match="FAILED one-result-each") as caught:
        check_plugin(mill_wrong.ForgetsTheLast)
    assert "Fix: Return a list as long as the inputs" in str(caught.value)


def test_every_promise_is_broken_by_somebody() -> None:
    broken = {plugin.breaks for plugin in [*BROKEN, mill_heavy.Heavy, mill_greedy.Greedy]}
    assert broken == {promise.id for promise in PROMISES}


class Branch(RootModel[list["Branch"]]):
    """A tree: a list of trees."""


class Trees(Params):
    tree: Branch = Field(Branch([]), description="A tree.")


def test_what_is_inside_itself_is_looked_at_once() -> None:
    assert list(fields_faults(Trees, is_strict=True)) == ["Trees.tree has no greatest length."]
