"""The keeper of a lease: bears a database that is away, and lets go before others may begin."""

import threading
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError
from modelmill.training.services import Lease, LeaseLost
from modelmill.training.states import Desired

from workers.supervisor import keeper as keeper_module
from workers.supervisor.clock import SliceClock
from workers.supervisor.devices import Device
from workers.supervisor.keeper import Keeper
from workers.supervisor.notebook import Notebook


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    fake = Time()
    monkeypatch.setattr(keeper_module.time, "monotonic", fake.monotonic)
    return fake


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch, time: Time, settings: Any) -> Keeper:
    settings.LEASE_S, settings.HEARTBEAT_S = 60, 15
    monkeypatch.setattr(keeper_module, "worker_report", lambda *args, **options: None)
    monkeypatch.setattr(keeper_module.connection, "close", lambda: None)
    lease = Lease(job_id="ftjob-1", tenant_id="org-1", fence=1, attempt=1, worker="w")
    device = Device(kind="cpu", name="CPU", meter="cpu_ms")
    return Keeper(lease, clock=SliceClock(now=time.monotonic), notebook=Notebook(), device=device)


def _away(*args: Any, **options: Any) -> Any:
    raise OperationalError("the database is away")


def test_it_bears_a_short_absence_and_bills_the_whole_time_once(keeper, time, monkeypatch) -> None:
    pieces = []

    def heartbeat(lease: Any, news: Any, *, piece: Any) -> Desired:
        pieces.append(piece)
        return Desired.RUN

    keeper._clock.start(resumed_step=None)
    monkeypatch.setattr(keeper_module, "job_heartbeat", _away)
    time.now += 16
    keeper.tend()
    monkeypatch.setattr(keeper_module, "job_heartbeat", heartbeat)
    for _ in range(2):
        time.now += 16
        keeper.tend()
    # The first slice is told again as it was cut; what came since is in the next.
    assert [(piece.number, piece.elapsed_ms) for piece in pieces] == [(1, 16_000), (2, 32_000)]


def test_it_lets_go_at_three_quarters_of_the_lease(keeper, time, monkeypatch) -> None:
    monkeypatch.setattr(keeper_module, "job_heartbeat", _away)
    time.now += 30
    keeper.tend()
    time.now += 15
    with pytest.raises(LeaseLost):
        keeper.tend()


def test_what_must_be_written_is_tried_until_three_quarters_of_the_lease(
    keeper, time, monkeypatch
) -> None:
    tried: list[float] = []

    def pass_by(seconds: float) -> None:
        time.now += seconds

    def write() -> None:
        tried.append(time.now)
        _away()

    monkeypatch.setattr(keeper_module.time, "sleep", pass_by)
    with pytest.raises(LeaseLost):
        keeper.insist(write)
    assert tried[-1] - tried[0] == 45 and len(tried) > 45


def test_what_would_fail_again_is_not_tried_again(keeper) -> None:
    tried = []

    def write() -> None:
        tried.append("once")
        raise IntegrityError("there is one already")

    with pytest.raises(IntegrityError):
        keeper.insist(write)
    assert tried == ["once"]


def test_a_note_is_written_with_a_later_heartbeat_and_a_refused_one_holds_nobody_up(
    keeper, time, monkeypatch
) -> None:
    monkeypatch.setattr(keeper_module, "job_heartbeat", lambda *args, **options: Desired.RUN)
    told: list[str] = []

    def refused() -> None:
        raise DataError("no such text")

    def note() -> None:
        if time.now < 1010:
            _away()
        told.append("noted")

    keeper.note(refused)
    keeper.note(note)
    assert told == []
    for _ in range(2):
        time.now += 16
        keeper.tend()
    assert told == ["noted"]


def test_of_a_silent_plugin_it_asks_what_is_wished_every_two_seconds(
    keeper, time, monkeypatch
) -> None:
    asked: list[float] = []

    def wish(lease: Any) -> Desired:
        asked.append(time.now)
        return Desired.CANCEL

    monkeypatch.setattr(keeper_module, "job_wish", wish)
    for _ in range(45):
        time.now += 0.2
        keeper.tend()
    assert len(asked) == 4 and keeper.desired == Desired.CANCEL


def test_what_was_made_while_the_lease_was_lost_is_taken_away(keeper, monkeypatch) -> None:
    monkeypatch.setattr(keeper_module, "_POLL_S", 0.01)
    is_lost, taken = threading.Event(), []

    def tend() -> None:
        is_lost.set()
        raise LeaseLost("ftjob-1")

    monkeypatch.setattr(keeper, "tend", tend)
    with pytest.raises(LeaseLost):
        keeper.during(lambda: is_lost.wait(5) and "archive", undo=taken.append)
    assert taken == ["archive"]
