"""The fake plugins: a host of theirs to talk to, and a tenant whose jobs they train."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from modelmill_sdk.protocol import FromChild, Loaded, ModelLoad, PredictStart, TrainStart
from modelmill_sdk.testing import dataset_write

from tests.conftest import Place, place_make
from tests.forking import forker_ready
from tests.making import fakes_publish
from tests.processes import FAKES
from workers.hosts import HostProcess, HostSpec
from workers.supervisor.draining import drain_forget

# Quick to import, and all that matters to most tests is the way a host is started.
WARM = ("decimal",)


class Talk:
    """A host, and the few sentences that tests say to it."""

    def __init__(self, host: HostProcess, folder: Path) -> None:
        self.host = host
        self.folder = folder

    def until(self, *types: str, timeout_s: float = 30) -> list[FromChild]:
        """Receive up to the first message of one of the types."""
        heard: list[FromChild] = []
        while not heard or heard[-1].type not in types:
            message = self.host.receive(timeout_s)
            assert message is not None, f"nothing more after {heard[-3:]}"
            heard.append(message)
        return heard

    def train(self, *, every_s: float = 60, resume_dir: Path | None = None, **params: Any) -> None:
        """Start counting on one row of text."""
        data_dir = dataset_write(self.folder / "data", "text", train=[{"text": "bad"}])
        self.host.send(
            TrainStart(
                plugin_id="fake-stepper",
                params=params,
                data_dir=data_dir,
                workdir=self.folder / "work",
                model_dir=self.folder / "model",
                checkpoint_dir=self.folder / "checkpoints",
                checkpoint_every_s=every_s,
                resume_dir=resume_dir,
            )
        )

    def load(self, plugin_id: str) -> None:
        """Load a fake plugin, which needs no files."""
        model_dir = self.folder / "empty"
        model_dir.mkdir(exist_ok=True)
        self.host.send(ModelLoad(plugin_id=plugin_id, model_dir=model_dir))
        assert isinstance(self.until("loaded", "failed")[-1], Loaded)

    def ask(self, *inputs: dict[str, Any], request_id: str = "r1", **params: Any) -> None:
        """Start a prediction."""
        out_dir = self.folder / "out"
        self.host.send(
            PredictStart(request_id=request_id, inputs=list(inputs), params=params, out_dir=out_dir)
        )


@pytest.fixture(params=["fresh", "forked"])
def talk_start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Talk]]:
    """Start hosts with options of one's own, each way there is; all end with the test."""
    hosts: list[HostProcess] = []
    warm = () if request.param == "fresh" else WARM
    if warm:
        assert forker_ready(*warm).is_ready

    def start(**options: Any) -> Talk:
        defaults = {
            "scratch_dir": tmp_path / f"host-{len(hosts)}",
            "python_paths": (FAKES,),
            "warm_imports": warm,
        }
        spec = HostSpec(**(defaults | options))
        hosts.append(HostProcess.start(spec))
        return Talk(hosts[-1], spec.scratch_dir)

    yield start
    for host in hosts:
        host.close()


@pytest.fixture
def talk(talk_start: Callable[..., Talk]) -> Talk:
    """One host."""
    return talk_start()


@pytest.fixture
def mill(transactional_db: None, settings: Any, tmp_path: Any) -> Iterator[Place]:
    """A tenant, the fake plugins, and beats quick enough to watch."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    settings.PLUGIN_PATHS = [FAKES]
    settings.HEARTBEAT_S = 0.2
    settings.LEASE_S = 20
    settings.CHECKPOINT_EVERY_S = 60
    settings.PLUGIN_THREADS = 1
    fakes_publish()
    yield place_make("acme")
    drain_forget()
