"""A worker that is an ordinary user fences its plugins in as well: by namespaces of the user's."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.environments import ROOT, open_packages_copy, open_python_find

UID = 31_998


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, Any]]:
    """Run the corpus as another user, with an interpreter and copies that it may read."""
    python = open_python_find()
    if os.geteuid() != 0 or python is None:
        pytest.skip("ORDINARY WORKER SKIPPED: needs root, and a Python that other users may run")
    with tempfile.TemporaryDirectory(prefix="modelmill-ordinary-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("workers/hosts", "tests/escapes"):
            shutil.copytree(ROOT / part, folder / "code" / part)
            (folder / "code" / part).parent.joinpath("__init__.py").touch()
        shutil.copy(ROOT / "tests" / "forking.py", folder / "code" / "tests")
        # All that a host's side knows of the platform: how folders are made and cleared away.
        core = folder / "code" / "modelmill" / "core"
        core.mkdir(parents=True)
        for package in (core, core.parent):
            (package / "__init__.py").touch()
        shutil.copy(ROOT / "platform" / "modelmill" / "core" / "scratch.py", core)
        site = open_packages_copy(folder, "psutil")
        (folder / "house").mkdir()
        os.chown(folder / "house", UID, UID)
        done = subprocess.run(
            [python, "-m", "tests.escapes.ordinary", folder / "house"],
            cwd=folder / "code",
            env={"PYTHONPATH": f"{site}:{folder / 'code'}", "PATH": os.defpath, "HOME": "/root"},
            user=UID,
            group=UID,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        yield json.loads(done.stdout.splitlines()[-1])


def test_every_probe_is_denied(told) -> None:
    for level, found in told.items():
        got = {name: one for name, one in found["answers"].items() if "denied" not in one}
        assert got == {}, (level, found["fences"])
        assert found["is_well"]


def test_nothing_outlives_its_host(told) -> None:
    for found in told.values():
        assert "got" in found["outlive"] and found["left"] == []


def test_it_says_what_an_ordinary_user_cannot_have(told) -> None:
    fences = told["L1"]["fences"]
    assert fences["user"].startswith("off: only root")
    for name in ("files", "network", "signals", "system calls", "privileges", "disk"):
        assert fences[name].startswith("on"), fences
