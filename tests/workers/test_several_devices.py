"""A training on several devices: a process for each, that meet, are metered, and end together."""

import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from modelmill.metering.models import UsageEvent
from modelmill.training.manifests import job_manifest
from modelmill.training.models import Attempt
from modelmill.training.selectors import job_messages
from modelmill.training.services import job_submit
from modelmill.training.states import State
from modelmill_sdk.conformance.samples import sample_dataset
from modelmill_sdk.protocol import FromChild, Stop, TrainStart
from modelmill_sdk.testing import dataset_write

from tests.conftest import Place
from tests.making import grain_make
from tests.processes import FAKES
from tests.workers.learner import job_make, job_now
from workers.hosts import HostProcess, HostSpec, fences_seen
from workers.hosts.fences import bubblewrap_find
from workers.supervisor import devices, train_next

pytestmark = pytest.mark.skipif(
    bubblewrap_find() is None,
    reason="SKIPPED: processes meet inside bubblewrap; apt-get install bubblewrap.",
)

Train = Callable[..., tuple[HostProcess, Path]]


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Train]:
    """Have the fake team, or another, train on so many devices; every host ends with the test."""
    hosts: list[HostProcess] = []

    def train(
        count: int,
        *,
        plugin_id: str = "fake-team",
        data: Callable[[Path], Path] = _corn,
        resume_dir: Path | None = None,
        every_s: float = 60,
        **params: Any,
    ) -> tuple[HostProcess, Path]:
        folder = tmp_path / f"host-{len(hosts)}"
        spec = HostSpec(
            scratch_dir=folder,
            python_paths=(FAKES,),
            devices=count,
            level="L2" if count > 1 else "L1",
        )
        hosts.append(HostProcess.start(spec))
        start = TrainStart(
            plugin_id=plugin_id,
            params=params,
            devices=count,
            data_dir=data(folder / "data"),
            workdir=folder / "work",
            model_dir=folder / "model",
            resume_dir=resume_dir and _moved(resume_dir, folder / "resume"),
            checkpoint_dir=folder / "checkpoints",
            checkpoint_every_s=every_s,
        )
        hosts[-1].send(start)
        return hosts[-1], folder / "model"

    yield train
    for host in hosts:
        host.close()


def _corn(folder: Path) -> Path:
    return dataset_write(folder, "text", train=[{"text": "corn"}])


def _moved(folder: Path, place: Path) -> Path:
    return Path(shutil.copytree(folder, place))


def _weights(model: Path) -> dict[str, Any]:
    return dict(json.loads((model / "weights.json").read_text()))


def _heard(host: HostProcess, *types: str) -> list[FromChild]:
    said: list[FromChild] = []
    while not said or said[-1].type not in types:
        message = host.receive(60)
        assert message is not None, host.output_tail()
        said.append(message)
    return said


def test_a_script_for_accelerate_learns_on_two_devices_what_it_learns_on_one(team: Train) -> None:
    models = []
    for count in (1, 2):
        host, model = team(count, steps=12, do="learn")
        said = _heard(host, "train_done", "failed")
        assert said[0].devices == count
        assert said[-1].type == "train_done", said[-1]
        assert said[-1].metrics == {"world_size": 1.0}
        models.append(_weights(model))
    assert [model["ranks"] for model in models] == [1, 2]
    assert models[1]["weight"] == pytest.approx(models[0]["weight"], abs=1e-5)
    assert models[0]["weight"] == pytest.approx(3, abs=0.1)


def test_one_process_speaks_for_all(team: Train) -> None:
    host, model = team(3, steps=5)
    said = _heard(host, "train_done", "failed")
    assert [one.text for one in said if one.type == "sample"] == ["rank 0"]
    assert _weights(model)["ranks"] == 3
    assert said[-1].step == 5


def test_it_uses_no_more_than_its_parameters_can(team: Train) -> None:
    host, model = team(2, alone=True)
    assert _heard(host, "train_done", "failed")[0].devices == 1
    assert _weights(model)["ranks"] == 1


def test_a_failure_of_another_process_is_the_trainings(team: Train) -> None:
    host, _model = team(2, steps=100_000, step_ms=5, do="fail")
    failed = _heard(host, "failed")[-1]
    assert (failed.code, failed.who) == ("plugin_error", "author")
    assert "the second process is stuck" in failed.message
    assert "_go_wrong" in failed.traceback


def test_a_refusal_by_another_process_is_told_to_the_customer(team: Train) -> None:
    host, _model = team(2, steps=100_000, step_ms=5, do="refuse")
    failed = _heard(host, "failed")[-1]
    assert (failed.who, failed.message) == ("customer", "Bring other rows.")


def test_the_death_of_another_process_is_told(team: Train) -> None:
    host, _model = team(2, steps=100_000, step_ms=5, do="die")
    failed = _heard(host, "failed")[-1]
    assert failed.message == "The process with rank 1 ended by signal 9."


def test_cancelled_it_leaves_no_process(team: Train) -> None:
    host, _model = team(2, steps=100_000, step_ms=5)
    _heard(host, "progress")
    assert len(host._members.pids()) >= 2
    host.send(Stop(reason="cancel"))
    assert _heard(host, "train_done")[-1].stopped_reason == "cancel"
    host.close()
    assert host._members.pids() == set()


def _tales(folder: Path) -> Path:
    rows = [{"text": f"The miller counted {number} sacks of corn."} for number in range(200)]
    return dataset_write(folder, "text", train=rows[20:], validation=rows[:20])


@pytest.mark.training
def test_a_language_model_learns_the_same_on_two_and_goes_on_to_the_same_bytes(
    team: Train,
) -> None:
    tiny = {"steps": 6, "batch": 5, "context": 32, "tokenizer": "characters", "size": "tiny"}
    text: dict[str, Any] = {"plugin_id": "text-generation", "data": _tales, **tiny}
    losses = []
    for count in (1, 2):
        host, whole = team(count, **text)
        losses.append(_heard(host, "train_done", "failed")[-1].metrics["heldout_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)

    host, _model = team(2, every_s=0, **text)
    _heard(host, "checkpoint_saved")
    host.send(Stop(reason="pause"))
    said = _heard(host, "train_done")
    saved = [one for one in said if one.type == "checkpoint_saved"][-1]
    assert 0 < saved.step < 6
    host, resumed = team(2, resume_dir=saved.path, **text)
    assert _heard(host, "train_done", "failed")[-1].type == "train_done"
    name = "model.safetensors"
    assert (resumed / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.training
@pytest.mark.parametrize(
    ("plugin_id", "kind", "params", "metric"),
    [
        ("image-classification", "labelled_images", {"network": "small", "epochs": 2}, "accuracy"),
        ("text-classification", "labelled_text", {"method": "lstm", "epochs": 2}, "accuracy"),
        ("image-vae", "images", {"steps": 8, "resolution": 32, "samples": 1}, "rebuilding_error"),
        ("recommendation", "interactions", {"steps": 8}, "validation_sasrec_ndcg_10"),
    ],
)
def test_a_plugin_of_the_shelf_learns_the_same_on_two(
    team: Train, plugin_id: str, kind: str, params: dict[str, Any], metric: str
) -> None:
    found = []
    for count in (1, 2):
        host, _model = team(
            count, plugin_id=plugin_id, data=lambda folder: sample_dataset(folder, kind), **params
        )
        said = _heard(host, "train_done", "failed")
        assert said[-1].type == "train_done", said[-1]
        assert said[0].devices == count
        found.append(said[-1].metrics[metric])
    # Each share's dropout and batch statistics are its own.
    assert found[1] == pytest.approx(found[0], abs=0.1)


@pytest.fixture
def pair(mill: Place, settings: Any) -> Iterator[Place]:
    """A worker that gives each training two devices."""
    settings.DEVICES_PER_JOB = 2
    devices.device_choose.cache_clear()
    yield mill
    devices.device_choose.cache_clear()


def test_every_device_is_metered_and_shown(pair: Place) -> None:
    version = grain_make(pair)
    with pair.scope():
        job = job_submit(
            caller=pair.caller,
            plugin_id="fake-team",
            training_ref=version.id,
            parameters={"steps": 40, "step_ms": 25},
        )
    began_at = time.monotonic()
    assert train_next()
    wall_ms = (time.monotonic() - began_at) * 1000
    job = job_now(pair, job)
    assert job.state == State.SUCCEEDED, job.failure
    assert job.devices == 2
    with pair.scope():
        billed_ms = sum(one.qty for one in UsageEvent.objects.filter(subject=job.id))
        # Forty steps are a second; by the wall it is no more than the whole attempt.
        assert 2 * 40 * 25 <= billed_ms == job.billed_ms <= 2 * wall_ms
        attempt = Attempt.objects.get(job=job)
        assert attempt.device_name == f"2 × {attempt.device}"
        assert any(attempt.device_name in line.message for line in job_messages(job))
        assert job_manifest(job)["attempts"][0]["devices"] == 2


def test_a_quote_counts_every_device(pair: Place) -> None:
    version = grain_make(pair)
    with pair.scope():
        job = job_submit(
            caller=pair.caller,
            plugin_id="fake-team",
            training_ref=version.id,
            parameters={"steps": 400, "step_ms": 15},
            quote_first=True,
        )
    assert train_next()
    job = job_now(pair, job)
    assert job.awaits_word, job.failure
    # Six seconds on each of two devices, and what it takes to begin.
    assert 2 * 6_000 < job.quote_ms < 2 * 60_000
    assert job.quote_s == job.quote_ms // 2000


def test_what_trains_on_one_device_has_one_as_ever(pair: Place) -> None:
    job = job_make(pair, steps=3)
    assert train_next()
    job = job_now(pair, job)
    assert (job.state, job.devices) == (State.SUCCEEDED, 1)
    with pair.scope():
        attempt = Attempt.objects.get(job=job)
    assert attempt.device_name == attempt.device


def _cards(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Put a tool in the path that tells of these cards, and those alone that it is asked for."""
    told = "\n".join(f'  {at}) echo "{line}";;' for at, line in enumerate(lines))
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
    _cards(tmp_path, monkeypatch, "L4, 23034", "L4, 23028", "H100, 81559", "L4, 23034")

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
    assert chosen(4, "3,0,1") == ("L4", 23028, 3)
    assert chosen(2, "3,0,1") == ("L4", 23034, 2)
    monkeypatch.setenv("MODELMILL_DEVICE", "cpu")
    assert chosen(2)[2] == 2


def test_without_walls_each_training_has_one_device(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEVICES_PER_JOB = 2
    monkeypatch.setattr("workers.hosts.starting.bubblewrap_find", lambda: None)
    monkeypatch.setattr("workers.hosts.fences._seen", {})
    assert devices.device_choose.__wrapped__().count == 1
    assert "bubblewrap is not installed" in caplog.text
    assert "L2" in fences_seen()


def test_a_worker_holds_every_card_it_trains_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1,2")
    two = devices.Device(kind="cuda", name="L4", meter="gpu_ms", count=2)
    with devices.device_held(two):
        locks = sorted(path.name.split("-")[2] for path in tmp_path.glob("modelmill-gpu-*"))
        assert locks == ["1", "3"]
