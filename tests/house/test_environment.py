"""Settings from the environment, and from files that an orchestrator mounts."""

import pytest
from modelmill.core import environment as env


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
