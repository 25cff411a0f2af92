"""The script the documents print, run as it stands against a whole installation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.demo.faces import faces_zip
from deploy.demo.prose import prose_file

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "examples" / "train_and_use.py"

pytestmark = [pytest.mark.flow, pytest.mark.training]


def test_it_trains_and_uses_both_plugins(customer, tmp_path: Path) -> None:
    faces = faces_zip(tmp_path / "faces.zip", count=160, pixels=32)
    prose = prose_file(tmp_path / "prose.txt")
    prose.write_text(prose.read_text(encoding="utf-8")[:60_000], encoding="utf-8")
    env = {
        **os.environ,
        "OPENAI_BASE_URL": f"{customer.url}/v1",
        "OPENAI_API_KEY": customer.key,
        "PYTHONPATH": "",
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(faces), str(prose), "8", "8"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=420,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (tmp_path / "face.png").read_bytes().startswith(b"\x89PNG")
    assert "Training started" in done.stdout
    # Of several lines perhaps: what eight steps have taught may end with an empty one.
    events, _end, written = done.stdout.rpartition("successfully completed.")
    assert events and written.strip()
