"""A training on several devices: a process for each, that meet, are metered, and end together."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from modelmill.training.failures import RETRYABLE
from modelmill_sdk.conformance.samples import sample_dataset
from modelmill_sdk.protocol import FromChild, Stop, TrainStart
from modelmill_sdk.testing import dataset_write
from modelmill_sdk.tools.fencing import bubblewrap_find
from safetensors.torch import load_file

from tests.processes import FAKES, command_of
from workers.hosts import HostProcess, HostSpec
from workers.supervisor.outcomes import failed_outcome

pytestmark = pytest.mark.skipif(
    bubblewrap_find() is None,
    reason="SKIPPED: processes meet inside bubblewrap; apt-get install bubblewrap.",
)

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
Train = Callable[..., tuple[HostProcess, Path]]


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Train]:
    """Have the fake team, or another, train on so many devices; every host ends with the test."""
    hosts: list[HostProcess] = []

    def train(
        count: int,
        *,
        plugin_id: str = "fake-team",
        packages: Path = FAKES,
        data: Callable[[Path], Path] = _corn,
        resume_dir: Path | None = None,
        **params: Any,
    ) -> tuple[HostProcess, Path]:
        folder = tmp_path / f"host-{len(hosts)}"
        spec = HostSpec(
            scratch_dir=folder,
            python_paths=(packages,),
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


def test_the_documented_loop_learns_on_two_devices_what_it_learns_on_one(
    team: Train, tmp_path: Path
) -> None:
    installed = tmp_path / "installed"
    about = installed / "modelmill_letters-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: modelmill-letters\nVersion: 1.0\n"
    )
    (about / "entry_points.txt").write_text("[modelmill]\nletters = letters\n")
    shutil.copy(EXAMPLES / "letters.py", installed)
    losses, models = [], []
    for count in (1, 2):
        host, model = team(count, plugin_id="letters", packages=installed, data=_tales, steps=20)
        said = _heard(host, "train_done", "failed")
        assert said[-1].type == "train_done", said[-1]
        assert said[0].devices == count
        losses.append([one.metrics["loss"] for one in said if one.type == "progress"])
        models.append(load_file(model / "state.safetensors"))
    assert losses[0][-1] < losses[0][0]
    for name, weights in models[0].items():
        torch.testing.assert_close(models[1][name], weights, rtol=0, atol=1e-3)


@pytest.mark.parametrize("count", [2, 3])
def test_shared_batches_are_the_whole_to_the_last_bits(team: Train, count: int) -> None:
    weights, losses = [], []
    for devices in (1, count):
        host, model = team(devices, steps=8, do="share")
        said = _heard(host, "train_done", "failed")
        assert said[-1].type == "train_done", said[-1]
        losses.append([one.metrics["loss"] for one in said if one.type == "progress"][-1])
        weights.append(_weights(model)["weight"])
    assert weights[1] == pytest.approx(weights[0], abs=1e-6)
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_the_first_failure_is_told_and_not_what_it_broke(team: Train) -> None:
    host, _model = team(3, steps=100_000, do="share and refuse")
    failed = _heard(host, "failed", "train_done")[-1]
    assert (failed.who, failed.message) == ("customer", "Bring other rows.")


@pytest.mark.parametrize("count", [2, 3])
def test_who_left_the_others_is_told_before_what_that_broke(team: Train, count: int) -> None:
    host, _model = team(count, steps=100_000, do="share and leave")
    failed = _heard(host, "failed", "train_done")[-1]
    assert (failed.code, failed.who) == ("plugin_error", "author")
    assert failed.message.startswith(
        f"The process with rank {count - 1} returned from train at its step 2 of 100000 "
        "while rank 0 went on. Then: "
    )
    assert "Traceback" in failed.traceback


def test_a_failure_behind_everybodys_last_step_is_told_alone(team: Train) -> None:
    host, _model = team(2, steps=3, do="spill")
    assert _heard(host, "failed", "train_done")[-1].message == "OSError: no room for the model"


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
    # As on one device: it may be tried again.
    assert failed_outcome(failed).code in RETRYABLE


@pytest.mark.parametrize("how", ["cancelled", "killed"])
def test_ended_it_leaves_no_process(team: Train, how: str) -> None:
    host, _model = team(3, steps=100_000, step_ms=5)
    _heard(host, "progress")
    peers = [
        process
        for process in psutil.Process(host.pid).children(recursive=True)
        if "modelmill_sdk.host.peer" in command_of(process)
    ]
    assert len(peers) == 2
    if how == "cancelled":
        host.send(Stop(reason="cancel"))
        assert _heard(host, "train_done")[-1].stopped_reason == "cancel"
        host.close()
    else:
        host.kill()
    _gone, left = psutil.wait_procs(peers, timeout=10)
    assert left == []


def test_a_death_is_seen_though_what_it_forked_lives_on(team: Train) -> None:
    host, _model = team(2, steps=100_000, step_ms=5, do="fork and die")
    assert _heard(host, "failed")[-1].message == "The process with rank 1 ended by signal 9."


def test_a_failure_is_not_forgotten_when_the_first_is_done(team: Train) -> None:
    host, _model = team(2, steps=3, do="fail")
    assert "the second process is stuck" in _heard(host, "train_done", "failed")[-1].message


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

    host, _model = team(2, **text)
    # At once: it stops with its first checkpoint.
    host.send(Stop(reason="pause"))
    said = _heard(host, "train_done", "failed")
    saved = [one for one in said if one.type == "checkpoint_saved"][-1]
    assert 0 < saved.step < 6
    host, resumed = team(2, resume_dir=saved.path, **text)
    assert _heard(host, "train_done", "failed")[-1].type == "train_done"
    name = "model.safetensors"
    assert (resumed / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.training
@pytest.mark.parametrize(
    ("plugin_id", "kind", "params"),
    [
        ("image-vae", "images", {"steps": 1, "resolution": 32, "samples": 0}),
        ("recommendation", "interactions", {"steps": 1, "dropout": 0.0}),
    ],
)
def test_a_plugin_of_the_shelf_sees_the_same_loss_on_two(
    team: Train, plugin_id: str, kind: str, params: dict[str, Any]
) -> None:
    losses = []
    for count in (1, 2):
        said = _trained(team, count, plugin_id, kind, **params)
        told = [one for one in said if one.type == "progress"]
        losses.append(told[-1].metrics["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@pytest.mark.training
@pytest.mark.parametrize(
    ("plugin_id", "kind", "params"),
    [
        # Each share's batch statistics and dropout are its own.
        ("image-classification", "labelled_images", {"network": "small", "epochs": 2}),
        ("text-classification", "labelled_text", {"method": "lstm", "epochs": 2}),
    ],
)
def test_a_classifier_learns_on_two(
    team: Train, plugin_id: str, kind: str, params: dict[str, Any]
) -> None:
    assert _trained(team, 2, plugin_id, kind, **params)[-1].metrics["accuracy"] > 0.7


def _trained(team: Train, count: int, plugin_id: str, kind: str, **params: Any) -> list[FromChild]:
    host, _model = team(
        count, plugin_id=plugin_id, data=lambda folder: sample_dataset(folder, kind), **params
    )
    said = _heard(host, "train_done", "failed")
    assert said[-1].type == "train_done", said[-1]
    assert said[0].devices == count
    return said
