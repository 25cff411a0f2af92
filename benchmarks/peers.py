"""The peers' environment, ``.venv-peers``: made on demand, so that nobody installs what only
benchmarks need, and so that their versions never meet ours.
"""

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv-peers"
WANTED = ROOT / "requirements" / "peers.txt"


def peers_python() -> Path:
    """Give the Python that has the peers, installing them the first time."""
    python, stamp = VENV / "bin" / "python", VENV / ".stamp"
    wanted = hashlib.sha256(WANTED.read_bytes() + sys.version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Installing what we are compared with into .venv-peers …", flush=True)
        venv.create(VENV, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(WANTED)], check=True)
        stamp.write_text(wanted)
    return python


def json_of(python: Path, script: Path, *words: str) -> dict[str, Any]:
    """Run a script with one thread, and read the JSON on its last line."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [str(python), str(script), *words],
        capture_output=True,
        text=True,
        env={**os.environ, **one, **quiet, "TF_NUM_INTEROP_THREADS": "1"},
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{script.name} failed:\n{done.stderr[-3000:]}")
    values: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return values
