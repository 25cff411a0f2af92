"""Every benchmark works, at its smallest size; its figures are read elsewhere."""

import os
import subprocess
import sys

import pytest

NAMES = ("p1", "p2", "p3", "p4", "p5", "p12", "p13", "p14", "tabular", "vae", "pruning")
TRAINING = [pytest.param(name, marks=pytest.mark.training) for name in NAMES]


@pytest.mark.parametrize("name", ["p7", "p11", "p15", "metrics", *TRAINING])
def test_it_prints_ratios(name: str) -> None:
    dropped = {
        "DJANGO_SETTINGS_MODULE",
        "MODELMILL_TESTING",
        "MODELMILL_VAR_DIR",
        "MODELMILL_WARM_IMPORTS",
        "REDIS_URL",
    }
    env = {key: value for key, value in os.environ.items() if key not in dropped}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--small"],
        env={**env, "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "ratio" in done.stdout
