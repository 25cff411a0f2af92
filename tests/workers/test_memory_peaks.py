"""The peak of a host's memory: it keeps what was there, and what the kernel saw between looks."""

import os
from pathlib import Path

import pytest
from modelmill_sdk.peaks import gpu_peak_bytes

from workers.hosts.groups import HostGroups
from workers.hosts.peaks import MemoryPeak


class Card:
    """As much of ``torch.cuda`` as is asked."""

    def __init__(self, *, is_used: bool, taken_mib: int = 0) -> None:
        self.is_used, self.taken_mib = is_used, taken_mib

    def is_initialized(self) -> bool:
        return self.is_used

    def max_memory_reserved(self) -> int:
        return 3 << 30

    def memory_reserved(self) -> int:
        return 2 << 30

    def mem_get_info(self) -> tuple[int, int]:
        return (80 << 30) - (self.taken_mib << 20), 80 << 30


class Torch:
    def __init__(self, *, is_used: bool, taken_mib: int = 0) -> None:
        self.cuda = Card(is_used=is_used, taken_mib=taken_mib)


def test_it_keeps_the_most_it_saw() -> None:
    seen = iter([10, 30, 20])
    peak = MemoryPeak(now_bytes=lambda _pids: next(seen), pids=set)
    assert [peak.look() for _ in range(3)] == [10, 30, 20]
    assert peak.bytes == 30


def test_what_came_and_went_between_two_looks_is_the_kernels_word() -> None:
    held = bytearray(64 << 20)
    del held
    peak = MemoryPeak(now_bytes=lambda _pids: 1, pids=lambda: {os.getpid(), 2**22 + 1})
    assert peak.look() == 1
    assert peak.bytes > 64 << 20


@pytest.mark.parametrize("stat", ["cache 900\nrss 40\nshmem 2\n", "anon 40\nfile 900\nshmem 2\n"])
def test_a_control_groups_cached_files_are_not_counted(tmp_path: Path, stat: str) -> None:
    (tmp_path / "memory.stat").write_text(stat)
    assert HostGroups(folders=[tmp_path / "pids", tmp_path]).memory_bytes() == 42
    assert HostGroups().memory_bytes() == 0


@pytest.mark.parametrize(
    ("files", "ran_out"),
    [
        ({"memory.events": "low 0\noom 1\noom_kill 1\noom_group_kill 0\n"}, True),
        ({"memory.events": "low 0\noom 0\noom_kill 1\noom_group_kill 0\n"}, False),
        ({"memory.oom_control": "under_oom 0\noom_kill 2\n", "memory.failcnt": "40\n"}, True),
        ({"memory.oom_control": "under_oom 0\noom_kill 2\n", "memory.failcnt": "0\n"}, False),
        ({"memory.oom_control": "under_oom 0\noom_kill 0\n", "memory.failcnt": "9\n"}, False),
        ({}, False),
    ],
    ids=["v2", "v2-machine", "v1", "v1-machine", "v1-none", "no-group"],
)
def test_the_kernels_end_of_a_group_at_its_bound_is_known(
    tmp_path: Path, files: dict[str, str], ran_out: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert HostGroups(folders=[tmp_path / "pids", tmp_path]).ran_out() is ran_out


@pytest.mark.parametrize(("taken_mib", "context_mib"), [(2100, 512), (2748, 700), (60_000, 1024)])
def test_a_gpus_peak_is_told_once_one_was_used(
    monkeypatch: pytest.MonkeyPatch, taken_mib: int, context_mib: int
) -> None:
    modules = __import__("sys").modules
    monkeypatch.setitem(modules, "torch", Torch(is_used=False))
    assert gpu_peak_bytes() is None
    # What is taken of the card beyond what torch holds of it, within bounds.
    monkeypatch.setitem(modules, "torch", Torch(is_used=True, taken_mib=taken_mib))
    assert gpu_peak_bytes() == (3 << 30) + (context_mib << 20)
