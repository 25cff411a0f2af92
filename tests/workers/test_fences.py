"""What a worker tells of its fences: every sentence has words, and the trial tells them all."""

import ast
import re
import shutil
from pathlib import Path

import pytest
from modelmill.cockpit.fences import sentence_known

from workers import isolation
from workers.hosts import fences, fences_seen, fences_try
from workers.hosts.fencing import kernel, seccomp
from workers.hosts.groups import groups_make
from workers.hosts.watching import folder_usage

HOSTS = Path(fences.__file__).parent


def test_every_sentence_of_a_fence_has_its_words() -> None:
    for path in [HOSTS / "fences.py", HOSTS / "fencing" / "__init__.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and re.match(r"(on|off): \w", str(node.value)):
                assert sentence_known(node.value), node.value


def test_a_trial_tells_what_stands(settings) -> None:
    settings.PLUGINS_L2 = ["one"]
    for level in isolation.levels_used():
        fences_try(level)
    assert set(fences_seen()) == {"L1", "L2"}
    told = fences_seen()["L1"]
    assert {"user", "files", "network", "system calls", "memory", "disk"} <= set(told)
    assert all(sentence_known(state) for state in told.values())


def test_bubblewrap_that_is_missing_is_told(settings, monkeypatch) -> None:
    monkeypatch.setattr("workers.hosts.starting.bubblewrap_find", lambda: None)
    settings.PLUGINS_L2 = ["*"]
    fences_try(isolation.levels_used()[1])
    assert "is not installed" in fences_seen()["L2"]["bubblewrap"]


def test_the_operator_chooses_the_level_by_plugin(settings) -> None:
    settings.PLUGINS_L2 = ["one"]
    assert isolation.plugin_isolation("one")["level"] == "L2"
    assert isolation.plugin_isolation("other")["level"] == "L1"
    assert isolation.strictest_isolation()["level"] == "L2"
    settings.PLUGINS_L2 = ["*"]
    assert isolation.plugin_isolation("other")["level"] == "L2"


def test_processes_of_several_devices_meet_behind_walls(settings) -> None:
    assert isolation.plugin_isolation("one")["level"] == "L1"
    assert isolation.plugin_isolation("one", devices=2)["level"] == "L2"
    assert len(isolation.levels_used()) == 1
    settings.DEVICES_PER_JOB = 2
    assert [one["level"] for one in isolation.levels_used()] == ["L1", "L2"]


def test_the_platforms_own_data_is_closed(settings, monkeypatch) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", "/run/secrets/key")
    closed = isolation.plugin_isolation("one")["closed"]
    assert {Path(settings.VAR_DIR), Path("/run/secrets/key")} <= set(closed)


@pytest.mark.parametrize("meets", [False, True])
@pytest.mark.parametrize("has_gpu", [False, True])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_filter_is_whole_on_every_machine(machine, has_gpu, meets) -> None:
    steps = seccomp.program(machine, has_gpu=has_gpu, meets=meets)
    for place, (code, if_true, if_false, _value) in enumerate(steps):
        if code & 7 == 5:  # a jump
            assert place + 1 + max(if_true, if_false) < len(steps)
    assert steps[-1][0] == 6
    assert len(steps) < 4096


def test_a_machine_whose_numbers_are_not_known_gets_no_filter() -> None:
    with pytest.raises(OSError):
        seccomp.program("sparc")


def test_the_newer_calls_have_one_number_on_both_machines() -> None:
    for x86_64, aarch64 in seccomp.REFUSED.values():
        if x86_64 is not None and x86_64 > 423:
            assert x86_64 == aarch64
    assert kernel.machine()


def test_a_delegated_group_gets_one_inside_with_both_bounds(tmp_path) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("memory pids")
    groups = groups_make(memory_bytes=1 << 30, processes=64, home=tmp_path)
    (folder,) = groups.folders
    assert groups.bounds == {"memory": "cgroup v2", "pids": "cgroup v2"}
    assert (folder / "memory.max").read_text() == str(1 << 30)
    assert (folder / "pids.max").read_text() == "64"
    shutil.rmtree(folder)
    groups.remove()
    assert groups.folders == []


def test_a_group_that_may_not_be_made_is_told(tmp_path) -> None:
    groups = groups_make(memory_bytes=1, processes=1, home=tmp_path / "none")
    assert groups.bounds == {} and "No such file" in groups.why_not


def test_a_folders_use_counts_what_lies_deep_and_follows_no_link(tmp_path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/usr")
    size_bytes, files = folder_usage(tmp_path)
    assert 100_000 <= size_bytes < 200_000
    assert files == 3
