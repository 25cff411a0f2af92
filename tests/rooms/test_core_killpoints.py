"""Kill points: all of them are in the code, and none is in an installation."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from timeit import timeit

import pytest
from modelmill.core import killpoints
from modelmill.core.killpoints import POINTS, KillPointUnknown, killpoint, killpoints_arm

ROOT = Path(__file__).resolve().parents[2]
CALL = re.compile(r'\bkillpoint\("([a-z_.]+)"\)')


@pytest.fixture(autouse=True)
def _disarmed():
    yield
    killpoints_arm("")


def _called() -> Counter[str]:
    files = [*ROOT.glob("platform/**/*.py"), *ROOT.glob("workers/**/*.py")]
    return Counter(name for path in files for name in CALL.findall(path.read_text()))


def test_every_point_of_the_registry_is_called_once_and_no_other() -> None:
    assert _called() == Counter(POINTS.keys())
    assert len(POINTS) >= 25


def _run(code: str, **environment: str) -> int:
    paths = os.pathsep.join((str(ROOT), str(ROOT / "platform")))
    environment |= {"PYTHONPATH": paths, "SECRET_KEY": "s", "MODELMILL_TESTING": "1"}
    started = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {code}"],
        env={**os.environ, "MODELMILL_KILL_POINTS": "submit.after_commit", **environment},
        cwd=ROOT,
        capture_output=True,
    )
    return started.returncode


DIE = "from modelmill.core.killpoints import killpoint; killpoint('submit.after_commit')"


def test_the_tests_settings_honour_the_variable_and_an_installations_do_not() -> None:
    assert _run(DIE, DJANGO_SETTINGS_MODULE="tests.settings") == -9
    assert _run(DIE, DJANGO_SETTINGS_MODULE="modelmill.settings") == 0


def test_a_point_that_is_not_armed_costs_nothing_to_speak_of() -> None:
    assert timeit(lambda: killpoint("submit.after_commit"), number=100_000) / 100_000 < 2e-6


def _deaths(plan: str, calls: int, monkeypatch, name: str = "train.stepped") -> list[int]:
    """Reach a point so many times; return at which of them the process would have died."""
    killpoints_arm(plan)
    died: list[int] = []
    for call in range(1, calls + 1):
        monkeypatch.setattr(killpoints.os, "kill", lambda *_: died.append(call))  # noqa: B023
        killpoint(name)
    return died


def test_it_dies_the_first_the_nth_or_a_chosen_by_seed_time(monkeypatch) -> None:
    assert _deaths("train.stepped", 5, monkeypatch) == [1]
    assert _deaths("train.stepped@3", 5, monkeypatch) == [3]
    assert _deaths("submit.after_commit", 5, monkeypatch) == []
    often = _deaths("*@0.3~7", 100, monkeypatch)
    assert 15 < len(often) < 45
    assert often == _deaths("train.stepped@0.3~7", 100, monkeypatch)
    assert often != _deaths("*@0.3~8", 100, monkeypatch)


@pytest.mark.parametrize("plan", ["nowhere", "train.stepped@soon"])
def test_a_plan_that_means_nothing_is_refused(plan: str) -> None:
    with pytest.raises(KillPointUnknown):
        killpoints_arm(plan)
