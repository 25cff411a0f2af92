"""Every plugin of the shelf through a whole installation: by the API, and by the page's form.

Each has ``tests/plugins/<name>/small.py``: a small upload of real data, parameters for a training
of seconds, inputs, and a check of what comes back.
"""

import importlib.util
import time
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from deploy.demo.visitor import Visitor
from tests.flows.conftest import Customer, customer_new

ROOT = Path(__file__).resolve().parents[2]
SHELF = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
WITHIN_S = 240
# What does not train has a flow of its own.
UNTRAINED = {"sdk", "embeddings"}

pytestmark = [pytest.mark.flow, pytest.mark.training]


@pytest.fixture(scope="module")
def customer(mill) -> Customer:
    """A tenant of its own, so that nothing of other flows is among its data."""
    return customer_new(mill, "Shelf Mill")


def small_of(name: str) -> ModuleType:
    path = ROOT / "tests" / "plugins" / name / "small.py"
    spec = importlib.util.spec_from_file_location(f"small_{name}", path)
    assert spec and spec.loader, path
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [name for name in SHELF if name not in UNTRAINED])
def test_it_learns_and_answers_by_api_and_by_form(name: str, customer, tmp_path: Path) -> None:
    small, plugin_id = small_of(name), name.replace("_", "-")
    file = customer.client.files.create(file=small.dataset_file(tmp_path), purpose="fine-tune")
    assert customer.client.files.wait_for_processing(file.id, poll_interval=0.3).status == (
        "processed"
    ), file

    by_api = customer.client.fine_tuning.jobs.create(
        model=plugin_id, training_file=file.id, seed=1, hyperparameters=small.TRAIN
    )
    by_form = form_submit(customer.visitor, plugin_id, small.TRAIN)
    for job_id in (by_api.id, by_form):
        model = trained(customer, job_id)
        answer = customer.client.post(
            "/predictions",
            cast_to=object,
            body={"model": model, "inputs": small.PREDICT},
            options={"headers": {"Prefer": "wait=60"}},
        )
        while answer["status"] in ("queued", "running"):
            time.sleep(0.3)
            answer = customer.client.get(f"/predictions/{answer['id']}", cast_to=object)
        assert answer["status"] == "succeeded", answer
        small.check([output_value(output, tmp_path) for output in answer["outputs"]])


def form_submit(visitor: Visitor, plugin_id: str, parameters: dict[str, Any]) -> str:
    """Fill in the page's own form, all else as it offers it, and give the job it began."""
    path = f"/plugins/{plugin_id}/train"
    form = Fields(visitor.page(path))
    chosen = {f"p-{name}": str(value) for name, value in parameters.items()}
    fields = {**form.values, "dataset": form.choices["dataset"][0], **chosen}
    job_page = visitor.submit(path, **fields)
    assert job_page.url.path.startswith("/jobs/"), job_page.text[:3000]
    return str(job_page.url.path.rpartition("/")[2])


def trained(customer: Customer, job_id: str) -> str:
    """Wait for a training to end well, and give its model."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        job = customer.client.fine_tuning.jobs.retrieve(job_id)
        if job.status in ("succeeded", "failed", "cancelled"):
            assert job.status == "succeeded", job.error
            return job.fine_tuned_model
        time.sleep(0.3)
    raise AssertionError(f"{job_id} did not end within {WITHIN_S} s")


def output_value(output: dict[str, Any], folder: Path) -> Any:
    """Give an output as a plugin's author sees it: a text, a JSON value, or a file's path."""
    if "url" not in output:
        return output["text"] if output["type"] == "text" else output["value"]
    path = folder / f"output-{time.monotonic_ns()}"
    with urllib.request.urlopen(output["url"]) as answer:
        path.write_bytes(answer.read())
    return path


class Fields(HTMLParser):
    """The fields of a page's forms: ``values`` as offered, ``choices`` of each selection."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self._select = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name") or ""
        if tag == "input" and name:
            is_box = found.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in found:
                self.values[name] = found.get("value") or ("on" if is_box else "")
        elif tag == "select":
            self._select = name
        elif tag == "textarea":
            self._area = name
        elif tag == "option" and self._select:
            value = found.get("value") or ""
            self.choices.setdefault(self._select, []).append(value)
            if "selected" in found:
                self.values[self._select] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] = self.values.get(self._area, "") + data.lstrip("\n")
