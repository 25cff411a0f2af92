"""The web process: light, and ignorant of plugins."""

import json
import os
import subprocess
import sys

import pytest

_LOAD = """
import json, resource, sys
import django
django.setup()
from django.urls import get_resolver
from django.test import Client
def walk(patterns):
    for pattern in patterns:
        walk(getattr(pattern, "url_patterns", []))
walk(get_resolver().url_patterns)
Client(headers={"host": "localhost"}).get("/healthz")
import psutil
print(json.dumps({
    "modules": sorted({name.split(".")[0] for name in sys.modules}),
    "rss_mib": psutil.Process().memory_info().rss / 2**20,
}))
"""


@pytest.fixture(scope="module")
def web_process() -> dict:
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "heavy",
    ["torch", "transformers", "datasets", "pyarrow", "numpy", "weasyprint", "pluggy", "workers"],
)
def test_it_does_not_import(web_process: dict, heavy: str) -> None:
    assert heavy not in web_process["modules"]


def test_it_knows_no_plugin(web_process: dict) -> None:
    plugins = {"modelmill_gan_faces", "modelmill_text_generation"}
    assert not plugins & set(web_process["modules"])


def test_it_stays_under_200_mib(web_process: dict) -> None:
    assert web_process["rss_mib"] < 200
