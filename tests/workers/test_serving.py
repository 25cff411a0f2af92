"""Warm hosts: kept, replaced, evicted; and predictions served with them."""

import os
import signal
from pathlib import Path

import pytest
from django.db import transaction
from modelmill.billing.models import Reservation
from modelmill.core.models import Blob
from modelmill.inference.lifecycle import prediction_claim
from modelmill.inference.selectors import access_prediction
from modelmill.inference.services import Ask, prediction_cancel, prediction_create
from modelmill.metering.models import UsageEvent
from modelmill.registry.services import model_delete

from tests.processes import FAKES
from tests.serving import model_made
from workers import looking
from workers.releases import Named
from workers.serving.errors import LeaseLost, Refused
from workers.serving.files import ModelFiles
from workers.serving.pool import HostPool, Wanted
from workers.serving.service import Server

STEPPER = {
    "named": Named(plugin_id="fake-stepper", entry_point="fakes", distribution="", digest=""),
    "python_paths": (FAKES,),
}


@pytest.fixture
def media(settings, tmp_path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def model_dir(tmp_path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "count.json").write_text('{"step": 7}')
    return folder


@pytest.fixture
def pool_of(tmp_path):
    made = []

    def make(*, budget_bytes: int = 1 << 40, idle_s: float = 600) -> HostPool:
        pool = HostPool(tmp_path / "hosts", budget_bytes=budget_bytes, idle_s=idle_s)
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.close()


@pytest.fixture
def server(media, tmp_path, transactional_db, settings):
    settings.PLUGIN_PATHS = [FAKES]
    server = Server(tmp_path / "serving")
    yield server
    server.close()


def used(pool: HostPool, key: str, model_dir: Path) -> tuple[int, bool]:
    wanted = Wanted(key=key, **STEPPER, model_dir=lambda: model_dir)
    with pool.host(wanted, check=lambda: None) as (host, is_warm):
        return host.process.pid, is_warm


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_host_stays_warm(pool_of, model_dir) -> None:
    pool = pool_of()
    first, was_warm = used(pool, "a", model_dir)
    assert not was_warm
    assert used(pool, "a", model_dir) == (first, True)
    assert pool.rss_bytes() > 1 << 20


def test_a_host_that_died_is_replaced(pool_of, model_dir) -> None:
    pool = pool_of()
    first, _ = used(pool, "a", model_dir)
    os.kill(first, signal.SIGKILL)
    wanted = Wanted(key="a", **STEPPER, model_dir=lambda: model_dir)
    # The pool may see the death a moment later than we caused it.
    pool._slots["a"].host.process.kill()
    with pool.host(wanted, check=lambda: None) as (host, is_warm):
        assert (host.process.pid != first, is_warm) == (True, False)


def test_the_least_used_host_is_closed_for_room(pool_of, model_dir) -> None:
    pool = pool_of(budget_bytes=1)
    first, _ = used(pool, "a", model_dir)
    second, _ = used(pool, "b", model_dir)
    assert not is_running(first)
    assert not is_running(second)

    roomy = pool_of()
    first, _ = used(roomy, "a", model_dir)
    second, _ = used(roomy, "b", model_dir)
    used(roomy, "a", model_dir)
    roomy._budget_bytes = roomy.rss_bytes() - 1
    roomy._make_room(0)
    assert is_running(first)
    assert not is_running(second)


def test_a_host_in_use_is_never_closed(pool_of, model_dir) -> None:
    pool = pool_of(budget_bytes=1, idle_s=-1)
    wanted = Wanted(key="a", **STEPPER, model_dir=lambda: model_dir)
    with pool.host(wanted, check=lambda: None) as (host, _):
        pool.close_idle()
        assert used(pool, "b", model_dir)[1] is False
        assert host.is_alive


def test_an_idle_host_is_closed_and_leaves_no_folder(pool_of, model_dir, tmp_path) -> None:
    pool = pool_of(idle_s=-1)
    pid, _ = used(pool, "a", model_dir)
    pool.close_idle()
    assert not is_running(pid)
    assert not list((tmp_path / "hosts").glob("*/*"))


def test_waiting_for_a_busy_host_can_be_given_up(pool_of, model_dir) -> None:
    pool = pool_of()
    wanted = Wanted(key="a", **STEPPER, model_dir=lambda: model_dir)

    def lost() -> None:
        raise LeaseLost

    with (
        pool.host(wanted, check=lambda: None),
        pytest.raises(LeaseLost),
        pool.host(wanted, check=lost),
    ):
        raise AssertionError("the host is in use")


def test_a_model_that_does_not_load_is_refused(pool_of, tmp_path) -> None:
    pool = pool_of()
    with pytest.raises(Refused) as refused:
        used(pool, "a", tmp_path / "nothing")
    assert refused.value.code == "model_not_loaded"
    assert "FileNotFoundError" in refused.value.detail
    assert "FileNotFoundError" not in refused.value.message


def test_a_plugin_that_is_gone_is_looked_for_and_not_blamed(
    pool_of, model_dir, monkeypatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(looking, "_asked_at", [])
    monkeypatch.setattr(looking, "ring", lambda task, payload: rung.append(task) or True)
    wanted = Wanted(key="a", named=STEPPER["named"], model_dir=lambda: model_dir)
    for _ in range(2):
        with pytest.raises(Refused) as refused, pool_of().host(wanted, check=lambda: None):
            pass
        assert refused.value.code == "plugin_missing"
        assert "No plugin 'fake-stepper'" in refused.value.detail
    assert rung == ["workers.tasks.catalog.describe"]


def test_files_are_fetched_once_and_verified(acme, media, tmp_path) -> None:
    version = model_made(acme, "fake-stepper")
    files = ModelFiles(tmp_path / "models", budget_bytes=1 << 40)
    with acme.scope():
        folder = files.folder(version)
        assert (folder / "count.json").read_text() == '{"step": 7}'
        (media / Blob.objects.get().path).write_text("damaged")
        assert files.folder(version) == folder
        with pytest.raises(Refused) as refused:
            ModelFiles(tmp_path / "others", budget_bytes=1 << 40).folder(version)
    assert refused.value.code == "model_damaged"
    assert not list((tmp_path / "others").iterdir())


def served(server, place, plugin_id, *inputs, before=None, **fields):
    version = model_made(place, plugin_id)
    with place.scope():
        ask = Ask(model=version.name, inputs=list(inputs), **fields)
        # In one transaction: a worker of another test's may still be listening.
        with transaction.atomic():
            created = prediction_create(ask, caller=place.caller)
            claimed = prediction_claim(created.pk, worker=server.name)
        if before is not None:
            before(claimed)
        server.serve(claimed)
        return access_prediction(created.pk)


def test_a_prediction_is_served(server, acme) -> None:
    row = served(server, acme, "fake-stepper", {"prompt": "far"})
    assert (row.state, row.outputs[0]["text"]) == ("succeeded", "far: 7")
    assert (row.model_state, row.usage) == ("cold", {"requests": 1, "tokens_out": 1})
    assert row.load_ms > 0


def test_a_death_before_anything_was_shown_is_tried_again(
    server, acme, tmp_path, settings, monkeypatch
) -> None:
    mark = tmp_path / "marks" / "mark"
    mark.parent.mkdir()
    # The second process may read it: no plugin can leave itself a note.
    settings.PLUGIN_PATHS = [FAKES, mark.parent]
    load, began = HostPool._load, []

    def load_and_mark(*args: object, **options: object) -> None:
        if began:
            mark.touch()
        began.append(True)
        load(*args, **options)

    monkeypatch.setattr(HostPool, "_load", load_and_mark)
    row = served(server, acme, "fake-trouble", {"do": "die_unmarked", "mark": str(mark)})
    assert (row.state, row.outputs[0]["text"]) == ("succeeded", "alive")


def test_a_plugin_that_always_dies_fails_at_no_charge(server, acme) -> None:
    row = served(server, acme, "fake-trouble", {"do": "die"})
    assert (row.state, row.error["code"]) == ("failed", "plugin_crashed")
    with acme.scope():
        assert not UsageEvent.objects.exists()
        assert Reservation.objects.get().spent_micro == 0


def test_one_that_takes_more_memory_than_it_may_is_told_so(server, acme, settings) -> None:
    settings.PLUGIN_MEMORY_MIB = 160
    row = served(server, acme, "fake-trouble", {"do": "eat"})
    assert (row.state, row.error["code"]) == ("failed", "out_of_memory")
    assert "more than the 160 MiB" in row.error["message"]


@pytest.mark.parametrize("do", ["endless", "stranger", "counting"])
def test_a_plugin_that_says_more_than_it_may_is_ended_at_no_charge(server, acme, do) -> None:
    row = served(server, acme, "fake-trouble", {"do": do})
    assert (row.state, row.error["code"]) == ("failed", "plugin_error")
    # The next one has a process of its own, and an answer.
    row = served(server, acme, "fake-trouble", {"do": "descriptors"})
    assert row.state == "succeeded"


def test_one_that_does_not_answer_is_ended(server, acme, settings) -> None:
    settings.PREDICTION_TIMEOUT_S = 1
    row = served(server, acme, "fake-trouble", {"do": "hang"})
    assert (row.state, row.error["code"]) == ("failed", "timeout")


def test_a_deleted_model_is_told(server, acme) -> None:
    def delete(claimed) -> None:
        model_delete(claimed.version, caller=acme.caller)
        claimed.version.refresh_from_db()

    row = served(server, acme, "fake-stepper", {"prompt": "x"}, before=delete)
    assert (row.state, row.error["code"]) == ("failed", "model_deleted")


def test_one_that_was_cancelled_meanwhile_stops_and_says_what_it_used(
    server, acme, settings
) -> None:
    settings.PREDICTION_LEASE_S = 9
    slow = {"parameters": {"pause_ms": 50, "max_tokens": 300}}
    quick = Server(server.pool._root.parent.parent / "quick")
    row = served(
        quick,
        acme,
        "fake-speaker",
        {"prompt": "w " * 300},
        before=prediction_cancel,
        **slow,
    )
    quick.close()
    assert row.state == "cancelled"
    assert 1 <= row.usage["tokens_out"] < 100
    assert row.outputs[0]["finish_reason"] == "cancelled"


def test_results_leave_no_files_behind(server, acme) -> None:
    row = served(server, acme, "fake-painter", {}, {})
    assert [output["kind"] for output in row.outputs] == ["image", "image"]
    scratch = next(server.pool._root.iterdir())
    assert not list((scratch / "out").rglob("*.png"))
    server.close()
    assert not server.pool._root.exists()


def test_a_base_model_that_the_operator_took_away_is_said_to_be(pool_of, model_dir) -> None:
    (model_dir / "installed.json").write_text('{"folder": "gone"}')
    wanted = Wanted(key="mv-1", model_dir=lambda: model_dir, **STEPPER)
    with pytest.raises(Refused, match="'gone' away") as refused:  # noqa: SIM117
        with pool_of().host(wanted, check=lambda: None):
            pass
    assert (refused.value.code, refused.value.param) == ("model_unavailable", "model")
