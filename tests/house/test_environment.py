"""Settings from the environment, and from files that an orchestrator mounts."""

import os
import subprocess
import sys

import pytest
from modelmill.core import environment as env

from deploy.launch.installation import StartFailed, usual_port


@pytest.mark.parametrize(("content", "meant"), [("1\n", True), ("off", False), ("", False)])
def test_a_flag_may_come_from_a_file_as_well(monkeypatch, tmp_path, content, meant) -> None:
    path = tmp_path / "flag"
    path.write_text(content)
    monkeypatch.setenv("MILL_FLAG_FILE", str(path))
    assert env.flag("MILL_FLAG", True) is meant


def test_a_flag_that_is_neither_fails_loudly(monkeypatch) -> None:
    monkeypatch.setenv("MILL_FLAG", "perhaps")
    with pytest.raises(env.EnvironmentInvalid):
        env.flag("MILL_FLAG", False)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("abc", "MILL_COUNT must be a whole number, not 'abc'."),
        ("0", "MILL_COUNT must be at least 1, not 0."),
        ("-1", "MILL_COUNT must be at least 1, not -1."),
    ],
)
def test_a_number_that_cannot_be_is_refused_in_a_sentence(monkeypatch, value, told) -> None:
    monkeypatch.setenv("MILL_COUNT", value)
    with pytest.raises(env.EnvironmentInvalid) as refused:
        env.number("MILL_COUNT", 1, least=1)
    assert str(refused.value) == told


def test_a_wrong_setting_is_one_sentence_for_whoever_starts_it(tmp_path) -> None:
    for module, words in (("deploy.launch", []), ("deploy.demo", ["The demo failed:"])):
        ended = subprocess.run(
            [sys.executable, "-m", module],
            env={
                **os.environ,
                "MODELMILL_VAR_DIR": str(tmp_path),
                "MODELMILL_DEVICES_PER_JOB": "0",
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        sentence = "MODELMILL_DEVICES_PER_JOB must be at least 1, not 0."
        said = (ended.stdout + ended.stderr).splitlines()
        assert (ended.returncode, said[1:]) == (1, [" ".join([*words, sentence])])


def test_a_port_that_is_none_is_one_sentence(monkeypatch) -> None:
    monkeypatch.setenv("MODELMILL_PORT", "80800")
    with pytest.raises(StartFailed, match="a whole number from 1 to 65535, not '80800'"):
        usual_port()
    monkeypatch.setenv("MODELMILL_PORT", "8080")
    assert usual_port() == 8080


def test_the_launcher_tells_how_it_is_used_and_starts_nothing(tmp_path) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "deploy.launch", "--help"],
        env={**os.environ, "MODELMILL_VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert asked.returncode == 0
    assert "MODELMILL_PORT" in asked.stdout
    assert list(tmp_path.iterdir()) == []
