"""A wish to stop that finds the plugin, or the storage, slow: the device is free in time."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.db import connection
from modelmill.core.models import Blob
from modelmill.training.models import Attempt, Checkpoint, Job
from modelmill.training.selectors import access_job
from modelmill.training.services import job_cancel, job_pause
from modelmill.training.states import State

from tests.conftest import Place
from tests.workers.learner import job_make, job_now, meanwhile
from workers.supervisor import train_next
from workers.supervisor.draining import drain_ask

# What a cancelled job's device is promised within.
FREE_S = 10.0


@pytest.fixture
def mill(mill: Place, settings: Any, monkeypatch: Any, tmp_path: Path) -> Place:
    """A mill whose beats are as far apart as an installation's."""
    settings.HEARTBEAT_S, settings.LEASE_S = 15, 60
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o755)
    return mill


class SlowStorage:
    """A storage from which nothing comes for long, or only a little at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.is_asked, self.is_over = threading.Event(), threading.Event()

    def hang(self, name: str) -> None:
        """Let a method of the storage go on only when the test is over."""
        method = getattr(FileSystemStorage, name)

        def wait(storage: Any, *args: Any, **options: Any) -> Any:
            self.is_asked.set()
            self.is_over.wait(25)
            return method(storage, *args, **options)

        self._patch.setattr(FileSystemStorage, name, wait)

    def trickle(self) -> None:
        """Let every file be read a byte at a time, for long."""

        class Slow(File):  # type: ignore[type-arg]
            def read(slow, *_size: Any) -> bytes:
                self.is_asked.set()
                return b"" if self.is_over.wait(0.1) else b"x"

        def opened(storage: Any, name: str, mode: str = "rb") -> Any:
            return Slow(None, name)

        self._patch.setattr(FileSystemStorage, "_open", opened)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowStorage]:
    """The storage, that the test may make slow."""
    slow = SlowStorage(monkeypatch)
    yield slow
    slow.is_over.set()


class Wisher:
    """Wishes in a thread, once it is time, and remembers when."""

    def __init__(self, place: Place, job: Job, is_time: threading.Event, wish: Any) -> None:
        def act() -> None:
            assert is_time.wait(60)
            with place.scope():
                self.wished_at = time.monotonic()
                wish(access_job(job.id), caller=place.caller)
            connection.close()

        self._thread = threading.Thread(target=act)
        self._thread.start()

    def waited_s(self) -> float:
        """Return how long ago it wished."""
        self._thread.join()
        return time.monotonic() - self.wished_at


def _hosts(folder: Path) -> list[int]:
    """List the processes that work in a folder below this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(process.cwd()).startswith(f"{folder}/modelmill-train"):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def _cancel(place: Place, told: list[Any], folder: Path) -> Callable[[Job], object]:
    def act(job: Job) -> None:
        told.append(_hosts(folder))
        told.append(time.monotonic())
        job_cancel(job, caller=place.caller)

    return act


def test_a_silent_plugin_that_follows_no_wish_is_cancelled_in_time(mill, tmp_path) -> None:
    job, told = job_make(mill, steps=50, do="hang", at=5), []
    thread = meanwhile(mill, job, _cancel(mill, told, tmp_path))
    assert train_next()
    hosts, wished_at = told
    assert time.monotonic() - wished_at < FREE_S
    thread.join()
    assert hosts and not _hosts(tmp_path)
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.CANCELLED, "cancelled")


def test_who_cancels_a_pause_that_takes_long_does_not_wait_for_it(mill, tmp_path) -> None:
    job, told = job_make(mill, steps=50, do="hang", at=5), []
    cancel = _cancel(mill, told, tmp_path)

    def wish(job: Job) -> None:
        job_pause(job, caller=mill.caller)
        time.sleep(4)
        cancel(access_job(job.id))

    thread = meanwhile(mill, job, wish)
    assert train_next()
    assert time.monotonic() - told[1] < FREE_S
    thread.join()
    assert not _hosts(tmp_path)
    assert job_now(mill, job).state == State.CANCELLED


def test_a_pause_may_take_until_the_next_checkpoint(mill) -> None:
    job = job_make(mill, steps=50, do="dawdle", at=5)
    thread = meanwhile(mill, job, lambda job: job_pause(job, caller=mill.caller))
    assert train_next()
    thread.join()
    job = job_now(mill, job)
    assert (job.state, job.attempt) == (State.PAUSED, 0)
    with mill.scope():
        assert Checkpoint.objects.get(job=job).step == 5


def test_a_worker_that_ends_with_all_its_processes_still_gives_the_job_back(mill, tmp_path) -> None:
    job, ended = job_make(mill, steps=5_000, step_ms=20), []

    def end(_job: Job) -> None:
        # As systemd does, to every process of the service at once.
        for pid in _hosts(tmp_path):
            os.kill(pid, signal.SIGTERM)
            ended.append(pid)
        drain_ask()

    thread = meanwhile(mill, job, end)
    assert train_next()
    thread.join()
    job = job_now(mill, job)
    assert ended and (job.state, job.attempt) == (State.QUEUED, 0)
    with mill.scope():
        assert Checkpoint.objects.get(job=job).step == job.step


@pytest.mark.parametrize("how", ["trickle", "hang"])
@pytest.mark.parametrize(
    ("wish", "state"), [(job_cancel, State.CANCELLED), (job_pause, State.PAUSED)]
)
def test_while_its_data_are_fetched_a_job_is_stopped_in_time(
    mill, storage, how, wish, state
) -> None:
    job = job_make(mill, steps=5)
    if how == "trickle":
        storage.trickle()
    else:
        storage.hang("_open")
    wisher = Wisher(mill, job, storage.is_asked, wish)
    assert train_next()
    assert wisher.waited_s() < FREE_S
    assert job_now(mill, job).state == state
    with mill.scope():
        assert Attempt.objects.get(job=job).outcome == state


def test_while_a_checkpoint_is_stored_a_job_is_cancelled_in_time(
    mill, storage, settings, tmp_path
) -> None:
    settings.CHECKPOINT_EVERY_S = 0
    job = job_make(mill, steps=5_000, step_ms=20)
    storage.hang("_save")
    wisher = Wisher(mill, job, storage.is_asked, job_cancel)
    assert train_next()
    assert wisher.waited_s() < FREE_S
    assert not _hosts(tmp_path)
    assert job_now(mill, job).state == State.CANCELLED
    _errands_end(storage)
    with mill.scope():
        assert not Blob.objects.filter(media_type="application/x-tar").exists()


def test_while_its_model_is_stored_a_job_is_cancelled_in_time(mill, storage) -> None:
    job = job_make(mill, steps=5)
    with mill.scope():
        before = set(Blob.objects.values_list("pk", flat=True))
    storage.hang("_save")
    wisher = Wisher(mill, job, storage.is_asked, job_cancel)
    assert train_next()
    assert wisher.waited_s() < FREE_S
    job = job_now(mill, job)
    assert (job.state, job.model_version, job.error_code) == (State.CANCELLED, None, "cancelled")
    _errands_end(storage)
    with mill.scope():
        assert set(Blob.objects.values_list("pk", flat=True)) == before


def _errands_end(storage: SlowStorage) -> None:
    """Let go on what was left; what it stores for nobody, behind our back, it takes away again."""
    storage.is_over.set()
    deadline = time.monotonic() + 20
    while [one for one in threading.enumerate() if one.name.startswith("supervisor")]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
