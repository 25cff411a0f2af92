"""Checkpoints: complete, or not there."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from modelmill_sdk.checkpoints import CheckpointFolder


def test_a_failed_save_leaves_no_checkpoint(tmp_path) -> None:
    folder = CheckpointFolder(tmp_path / "ckpt", every_s=0)

    def save(path) -> None:
        (path / "half").write_bytes(b"half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        folder.save(3, save)
    assert list((tmp_path / "ckpt").glob("step-*")) == []
    folder.clear_torn()
    assert list((tmp_path / "ckpt").iterdir()) == []


def test_saving_a_step_again_replaces_it(tmp_path) -> None:
    folder = CheckpointFolder(tmp_path, every_s=0)
    folder.save(3, lambda path: (path / "old").write_text("old"))
    final = folder.save(3, lambda path: (path / "new").write_text("new"))
    assert [path.name for path in final.iterdir()] == ["new"]


def test_it_is_due_only_after_the_interval(tmp_path) -> None:
    assert not CheckpointFolder(tmp_path, every_s=3600).is_due()
    assert CheckpointFolder(tmp_path, every_s=0).is_due()


def test_a_kill_in_the_middle_never_shows_a_torn_checkpoint(tmp_path) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from modelmill_sdk.checkpoints import CheckpointFolder
        folder = CheckpointFolder(Path(sys.argv[1]), every_s=0)
        def save(path):
            for part in range(20):
                (path / f"part-{part}").write_bytes(b"x" * 1000)
        for step in range(10**9):
            folder.save(step, save)
            print(step, flush=True)
        """
    )
    for round_number in range(5):
        root = tmp_path / str(round_number)
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(3 + round_number):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        whole = sorted(root.glob("step-*"))
        assert len(whole) >= 3
        for path in whole:
            assert len(list(path.iterdir())) == 20
            assert all(part.stat().st_size == 1000 for part in path.iterdir())
