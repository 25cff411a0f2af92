"""Counted uses: kept with a write, taken to the ledger once, whatever became of their file."""

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from modelmill.core.clock import database_now
from modelmill.core.scope import system_scope
from modelmill.metering import counting
from modelmill.metering import spool as spooling
from modelmill.metering.counting import usage_count, usage_flush
from modelmill.metering.draining import usage_drain
from modelmill.metering.models import UsageEvent
from modelmill.metering.refusing import refused_list
from modelmill.metering.rolling import usage_roll
from modelmill.metering.sealing import usage_seal
from modelmill.metering.selectors import usage_totals
from modelmill.tenants.models import Tenant
from structlog.testing import capture_logs

from tests.processes import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_one_second(monkeypatch, usage_folder) -> None:
    """Let everything that a test counts happen within one second."""
    now_s = int(counting.time.time())
    monkeypatch.setattr(counting.time, "time", lambda: now_s + 0.5)


def count(place, times: int = 1, *, key: str = "key-a", meter: str = "api_requests") -> None:
    for _ in range(times):
        usage_count(tenant_id=place.tenant.id, meter=meter, api_key_id=key)


def counted() -> dict[str, int]:
    """Sum what the ledger has, by key."""
    sums: dict[str, int] = {}
    with system_scope("a test looks at everybody's"):
        for key, qty in UsageEvent.objects.values_list("api_key_id", "qty"):
            sums[key] = sums.get(key, 0) + qty
    return sums


def sealed(folder) -> list:
    """End the file that is open; return the files there are."""
    counting.spool.seal()
    return sorted(folder.iterdir())


def test_uses_of_a_second_are_one_event_for_each_key_and_meter(acme, globex) -> None:
    count(acme, 5)
    count(acme, 2, key="key-b")
    count(acme, 3, meter="others")
    count(globex, 4, key="key-g")
    assert counted() == {}
    assert usage_flush() == 4
    assert counted() == {"key-a": 8, "key-b": 2, "key-g": 4}
    with acme.scope():
        totals = {total.meter: total.qty for total in usage_totals(**_today(), group_by=["meter"])}
        assert totals == {"api_requests": 7, "others": 3}
        event = UsageEvent.objects.get(api_key_id="key-b")
        assert abs(event.occurred_at - database_now()) < timedelta(seconds=5)
        assert event.billable


def _today() -> dict:
    now = timezone.now()
    return {"start": now - timedelta(hours=2), "end": now + timedelta(hours=2)}


def test_a_drained_file_is_gone_and_a_file_that_came_back_adds_nothing(acme, usage_folder) -> None:
    count(acme, 5)
    count(acme, 2, key="key-b")
    (path,) = sealed(usage_folder)
    # As a drainer leaves it that dies when the ledger has all of it.
    kept = shutil.copy(path, usage_folder.parent / f"{path.name}@0")
    assert usage_drain() == 2
    assert list(usage_folder.iterdir()) == []
    shutil.copy(kept, usage_folder)
    assert usage_drain() == 0
    assert counted() == {"key-a": 5, "key-b": 2}
    assert list(usage_folder.iterdir()) == []


def test_a_file_whose_writer_lives_is_left_alone(acme, usage_folder) -> None:
    count(acme)
    assert usage_drain() == 0
    count(acme)
    assert usage_flush() == 1
    assert counted() == {"key-a": 2}


def test_a_new_file_is_begun_each_second(acme, usage_folder, monkeypatch) -> None:
    monkeypatch.setattr(spooling, "_OPEN_S", 0.0)
    count(acme, 3)
    assert len(sealed(usage_folder)) == 3
    usage_flush()
    assert counted() == {"key-a": 3}


def test_an_empty_file_goes_without_a_query(usage_folder, django_assert_num_queries) -> None:
    usage_folder.mkdir()
    (usage_folder / "seg-dead").touch()
    with django_assert_num_queries(0):
        assert usage_drain() == 0
    assert list(usage_folder.iterdir()) == []


def test_a_torn_last_line_is_not_counted(acme, usage_folder) -> None:
    count(acme, 3)
    (path,) = sealed(usage_folder)
    path.write_bytes(path.read_bytes()[:-4])
    usage_flush()
    assert counted() == {"key-a": 2}
    assert list(usage_folder.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [b"", b"\0\0\0\0", b"17\tten\tm\tk", b"1700000000\tten\0\tm\tk", b"1700000000\tten\tm"],
    ids=str,
)
def test_a_damaged_line_is_put_aside_and_the_others_count(acme, usage_folder, line) -> None:
    count(acme)
    (path,) = sealed(usage_folder)
    path.write_bytes(line + b"\n" + path.read_bytes())
    assert (usage_drain(), usage_drain()) == (1, 0)
    assert counted() == {"key-a": 1}
    assert [kept.suffix for kept in usage_folder.iterdir()] == [".refused"]


def test_a_suspended_tenants_uses_count(acme) -> None:
    count(acme, 2)
    Tenant.objects.update(state=Tenant.State.SUSPENDED)
    usage_flush()
    assert counted() == {"key-a": 2}


def test_uses_of_a_tenant_that_is_gone_keep_nobodys_from_counting(acme, usage_folder) -> None:
    usage_count(tenant_id="ten-gone", meter="api_requests", api_key_id="key-x")
    count(acme)
    usage_flush()
    assert counted() == {"key-a": 1}
    (kept,) = usage_folder.iterdir()
    assert kept.suffix == ".refused" and b"ten-gone" in kept.read_bytes()


def test_another_body_under_a_known_id_changes_nothing_and_is_kept(acme, usage_folder) -> None:
    count(acme, 2)
    (path,) = sealed(usage_folder)
    before = path.read_bytes()
    usage_drain()
    (usage_folder / f"{path.name}@0").write_bytes(before * 2)
    usage_drain()
    assert counted() == {"key-a": 2}
    assert [kept.suffix for kept in usage_folder.iterdir()] == [".refused"]


def test_only_what_could_not_be_recorded_is_put_aside(acme, usage_folder) -> None:
    for _ in range(3):
        usage_count(tenant_id="ten-gone", meter="api_requests", api_key_id="key-x")
    count(acme, 2)
    (path,) = sealed(usage_folder)
    path.write_bytes(b"damaged\n" + path.read_bytes())
    usage_drain()
    (held,) = refused_list()
    assert (held.uses, held.damaged) == ({("ten-gone", "api_requests"): 3}, 1)
    assert b"key-a" not in held.path.read_bytes()
    assert counted() == {"key-a": 2}


def test_one_bad_use_keeps_no_other_of_its_organisation_out(acme, usage_folder) -> None:
    for key in ("key-a", "key-b", "key-c", "key-d", "key-e"):
        count(acme, key=key)
    [file] = sealed(usage_folder)
    lines = file.read_bytes()
    [told] = [line for line in lines.splitlines(keepends=True) if b"key-c" in line]
    file.write_bytes(told)
    usage_drain()
    # The same second and key, with another quantity than the ledger has: a conflict.
    file.write_bytes(lines + told)

    usage_drain()

    assert counted() == {f"key-{letter}": 1 for letter in "abcde"}
    (held,) = refused_list()
    assert sum(held.uses.values()) == 2
    assert held.path.read_bytes().count(b"key-c") == 2


def test_what_was_put_aside_is_recorded_once_when_it_can_be(acme, usage_folder) -> None:
    usage_count(tenant_id="ten-late", meter="api_requests", api_key_id="key-l")
    usage_count(tenant_id="ten-late", meter="api_requests", api_key_id="key-l")
    usage_flush()
    out = StringIO()
    call_command("usage_refused", stdout=out)
    assert "ten-late api_requests × 2" in out.getvalue()
    Tenant.objects.create(id="ten-late", name="Late", slug="late")
    out = StringIO()
    call_command("usage_refused", retry=True, stdout=out)
    call_command("usage_refused", retry=True, stdout=out)
    assert out.getvalue().splitlines() == [
        "Tried 1 files again; new in the ledger: 1.",
        "Files that were put aside: 0.",
        "Tried 0 files again; new in the ledger: 0.",
        "Files that were put aside: 0.",
    ]
    assert counted() == {"key-l": 2}
    assert list(usage_folder.iterdir()) == []


def test_who_dies_while_putting_aside_leaves_it_to_the_next_drain(
    acme, usage_folder, monkeypatch
) -> None:
    usage_count(tenant_id="ten-gone", meter="api_requests", api_key_id="key-x")
    count(acme, 2)

    def dies(*_args: object, **_more: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="killed"):
        patch.setattr(Path, "unlink", dies)
        usage_flush()
    assert len(list(usage_folder.iterdir())) == 2
    assert usage_drain() == 0
    (held,) = refused_list()
    assert held.uses == {("ten-gone", "api_requests"): 1}
    assert list(usage_folder.iterdir()) == [held.path]
    assert counted() == {"key-a": 2}


def test_so_many_are_kept_and_the_log_has_what_the_others_held(usage_folder, settings) -> None:
    settings.USAGE_REFUSED_MAX = 2
    with capture_logs() as logs:
        for number in range(4):
            usage_count(tenant_id=f"ten-{number}", meter="api_requests", api_key_id="key-x")
            usage_flush()
    assert [list(held.uses) for held in refused_list()] == [
        [("ten-2", "api_requests")],
        [("ten-3", "api_requests")],
    ]
    deleted = [one for one in logs if one["event"] == "usage_refused_deleted"]
    assert [one["uses"] for one in deleted] == [
        {"ten-0 api_requests": 1},
        {"ten-1 api_requests": 1},
    ]
    assert {one["log_level"] for one in deleted} == {"error"}


def test_uses_that_come_after_the_closing_join_the_open_period(acme) -> None:
    count(acme, 2)
    with acme.scope():
        closed = usage_seal(tenant_id=acme.tenant.id, through=database_now() + timedelta(seconds=5))
        usage_flush()
        event = UsageEvent.objects.get()
        assert event.occurred_at < closed == event.accounted_at
        assert usage_roll(tenant_id=acme.tenant.id) == 1


@pytest.mark.parametrize("ahead_s", [3600, -3600])
def test_a_machines_wrong_clock_moves_no_use(acme, usage_folder, monkeypatch, ahead_s) -> None:
    wrong_s = counting.time.time() + ahead_s
    monkeypatch.setattr(counting.time, "time", lambda: wrong_s)
    count(acme)
    assert usage_flush() == 1
    with acme.scope():
        event = UsageEvent.objects.get()
        assert abs(event.occurred_at - database_now()) < timedelta(seconds=10)


def test_without_room_on_the_disk_a_use_is_in_the_ledger_at_once(acme, monkeypatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(28, "No space left on device")

    with acme.scope():
        monkeypatch.setattr(spooling.os, "write", full)
        count(acme, 2)
        assert counted() == {"key-a": 2}


def test_half_a_line_is_the_last_of_its_file_and_counts_once(acme, monkeypatch) -> None:
    write = os.write
    count(acme)
    with acme.scope(), monkeypatch.context() as patch:
        patch.setattr(spooling.os, "write", lambda file, line: write(file, line[:9]))
        count(acme)
    count(acme)
    usage_flush()
    assert counted() == {"key-a": 3}


def test_a_writer_notices_that_its_new_file_was_taken_for_a_dead_ones(
    acme, usage_folder, monkeypatch
) -> None:
    flock, calls = spooling.fcntl.flock, []

    def drained_first(file: int, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            assert usage_drain() == 0
        flock(file, how)

    monkeypatch.setattr(spooling.fcntl, "flock", drained_first)
    count(acme)
    # The writer's first try, the drainer's, and the writer's second.
    assert len(calls) == 3
    assert usage_flush() == 1
    assert counted() == {"key-a": 1}


_FORK = """
import os
import django
django.setup()
from modelmill.metering.spool import Spool
spool = Spool()
spool.append(b"parent\\n")
child = os.fork()
if child == 0:
    spool.append(b"child\\n")
    os._exit(0)
os.waitpid(child, 0)
spool.append(b"parent\\n")
"""


def test_a_forked_child_has_a_file_of_its_own(tmp_path) -> None:
    environment = {**os.environ, "MODELMILL_USAGE_SPOOL_DIR": str(tmp_path / "usage")}
    environment |= {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": "platform"}
    subprocess.run([sys.executable, "-c", _FORK], cwd=ROOT, env=environment, check=True)
    files = sorted(path.read_bytes() for path in (tmp_path / "usage").iterdir())
    assert files == [b"child\n", b"parent\nparent\n"]
