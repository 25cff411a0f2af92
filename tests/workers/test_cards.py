"""Which cards a worker trains on: counted, held, and shown to nobody else."""

import fcntl
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from workers.hosts import HostSpec, fences_seen
from workers.hosts.environment import host_environment
from workers.supervisor import devices


def _cards(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Put a tool in the path that tells of these cards, and those alone that it is asked for.

    Each has a number and a name of its own: 1 and GPU-1 are the same card.
    """
    told = "\n".join(f'  {at}|GPU-{at}) echo "GPU-{at}, {line}";;' for at, line in enumerate(lines))
    tool = folder / "nvidia-smi"
    tool.write_text(
        f"#!/bin/sh\nwhich='{' '.join(map(str, range(len(lines))))}'\n"
        'if [ "$1" = -i ]; then which=$(echo "$2" | tr , " "); fi\n'
        f"for card in $which; do case $card in\n{told}\nesac; done\n"
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_cards_of_the_first_ones_kind_are_counted_as_far_as_allowed(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _cards(tmp_path, monkeypatch, "L4, 23034", "L4, 23028", "H100, 81559", "L4, 23034", "L4, [N/A]")

    def chosen(most: int, visible: str | None = None) -> tuple[str, int, int]:
        settings.DEVICES_PER_JOB = most
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        found = devices.device_choose.__wrapped__()
        return found.name, found.memory_mib, found.count

    assert chosen(1) == ("L4", 23034, 1)
    # A card of another kind would hold them up, and no number may be skipped.
    assert chosen(4) == ("L4", 23028, 2)
    assert chosen(4, "2") == ("H100", 81559, 1)
    assert chosen(4, "3,0, 1") == ("L4", 23028, 3)
    assert chosen(2, "3,0,1") == ("L4", 23034, 2)
    # One that is not there, or says nothing of its memory, ends the list.
    assert chosen(4, "0,9,1") == ("L4", 23034, 1)
    assert chosen(4, "1,4") == ("L4", 23028, 1)


def test_on_a_processor_a_training_has_a_core_for_each_process(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MODELMILL_DEVICE", "cpu")
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 3})
    settings.DEVICES_PER_JOB = 2
    assert devices.device_choose.__wrapped__().count == 2
    assert "MODELMILL_DEVICES_PER_JOB" not in caplog.text
    settings.DEVICES_PER_JOB = 99
    assert devices.device_choose.__wrapped__().count == 2
    assert "MODELMILL_DEVICES_PER_JOB is 99" in caplog.text
    assert "each training has 2 at most" in caplog.text


def test_a_process_sees_the_cards_it_was_given_and_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def seen(count: int, device: str = "cuda") -> dict[str, str]:
        spec = HostSpec(scratch_dir=tmp_path, device=device, devices=count)
        return {k: v for k, v in host_environment(spec).items() if k.startswith("CUDA_")}

    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 1,2")
    ordered = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert seen(1) == {"CUDA_VISIBLE_DEVICES": "3"} | ordered
    assert seen(2) == {"CUDA_VISIBLE_DEVICES": "3,1"} | ordered
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert seen(2) == {"CUDA_VISIBLE_DEVICES": "0,1"} | ordered
    assert seen(2, "cpu") == {"CUDA_VISIBLE_DEVICES": ""}


def test_without_walls_each_training_has_one_device(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEVICES_PER_JOB = 2
    monkeypatch.setattr("workers.hosts.starting.bubblewrap_find", lambda: None)
    monkeypatch.setattr("workers.hosts.fences._seen", {})
    assert devices.device_choose.__wrapped__().count == 1
    assert "bubblewrap is not installed" in caplog.text
    assert "L2" in fences_seen()


def _chosen(monkeypatch: pytest.MonkeyPatch, visible: str | None) -> devices.Device:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    return devices.device_choose.__wrapped__()


def test_a_worker_holds_every_card_it_trains_on(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.DEVICES_PER_JOB = 2
    _cards(tmp_path, monkeypatch, *["L4, 23034"] * 4)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with devices.device_held(_chosen(monkeypatch, "3,1,2")):
        locks = sorted(path.name.split("-")[3] for path in tmp_path.glob("modelmill-gpu-*"))
        assert locks == ["1", "3"]
        for path in tmp_path.glob("modelmill-gpu-*"):
            with path.open("w") as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("other", ["1", "GPU-1", "3, GPU-1", None])
def test_a_card_is_held_by_whatever_name_another_worker_was_given_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other: str | None
) -> None:
    settings.DEVICES_PER_JOB = 2
    _cards(tmp_path, monkeypatch, *["L4, 23034"] * 4)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    another = _chosen(monkeypatch, other)
    got = threading.Event()

    def take() -> None:
        with devices.device_held(another):
            got.set()

    with devices.device_held(_chosen(monkeypatch, "GPU-1" if other == "1" else "1")):
        waiter = threading.Thread(target=take)
        waiter.start()
        assert not got.wait(1)
    assert got.wait(10)
    waiter.join()
