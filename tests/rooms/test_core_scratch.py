"""Scratch folders go with their process, and those of killed ones are cleared by the next."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from modelmill.core.scratch import abandoned_clear, scratch_folder

_HOLDER = """
import sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from modelmill.core.scratch import scratch_folder
with scratch_folder("train") as folder:
    (folder / "rows").write_text("corn")
    print(folder, flush=True)
    time.sleep(3600)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have scratch folders made in a folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_killed_process_leaves_a_folder_that_the_next_one_clears(place: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(place)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    folder = Path(holder.stdout.readline().strip())
    try:
        with scratch_folder("blob") as ours:
            assert abandoned_clear() == 0
            assert (folder / "rows").read_text() == "corn"

            holder.send_signal(signal.SIGKILL)
            holder.wait()
            assert folder.exists()
            assert abandoned_clear() == 1
            assert not folder.exists()
            assert ours.exists()
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert list(place.iterdir()) == []


def test_what_only_looks_like_one_is_left_alone(place: Path) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "words").write_text("kept")
    (place / "modelmill-link.held").symlink_to(elsewhere)
    (place / "modelmill-file.held").write_text("kept")
    (place / "modelmill-gpu-0-0.lock").touch()
    (place / "other.held").mkdir()
    assert abandoned_clear() == 0
    assert len(list(place.iterdir())) == 5
    assert (elsewhere / "words").read_text() == "kept"
