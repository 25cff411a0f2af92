"""Real web processes that count requests are killed: what was answered is in the ledger, once."""

import http.client
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from modelmill.core.scope import system_scope
from modelmill.metering.draining import usage_drain
from modelmill.metering.models import UsageEvent

from tests.conftest import Place
from tests.faults.holding import books_hold
from tests.processes import gunicorn_running

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

_READY_S = 60


class Web:
    """A web server of two processes that count requests, and clients who remember the answers."""

    def __init__(self, port: int, master: "subprocess.Popen[bytes]") -> None:
        self.port, self.master = port, master
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()

    def get(self, place: Place) -> bool:
        """Ask once; return whether there was an answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            self.asked[place.tenant.id] += 1
            client.request("GET", "/v1/files", headers={"authorization": f"Bearer {place.key}"})
            answer = client.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()
        assert answer.status == 200
        self.answered[place.tenant.id] += 1
        return True

    def wait(self) -> None:
        """Wait until it answers at all; nobody is counted for that."""
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                client.request("GET", "/healthz")
                assert client.getresponse().status == 200
            except OSError:
                assert time.monotonic() < deadline and self.master.poll() is None
                time.sleep(0.05)
            else:
                return
            finally:
                client.close()

    def processes(self) -> list[psutil.Process]:
        """Return the processes that serve."""
        return psutil.Process(self.master.pid).children()


@contextmanager
def web_running(folder: Path, *, flush_s: str) -> Iterator[Web]:
    """Run web processes that count; all of them end with the block."""
    with gunicorn_running(
        folder.parent / "web.log",
        processes=2,
        MODELMILL_METER_API_REQUESTS="1",
        MODELMILL_USAGE_SPOOL_DIR=str(folder),
        MODELMILL_TEST_FLUSH_S=flush_s,
    ) as (port, master):
        web = Web(port, master)
        web.wait()
        yield web


def counted() -> Counter[str]:
    found: Counter[str] = Counter()
    with system_scope("a test looks at everybody's"):
        for tenant_id, qty in UsageEvent.objects.values_list("tenant_id", "qty"):
            found[tenant_id] += qty
    return found


def at_once(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("flush_s", ["0", "0.05"], ids=["alone", "while it drains"])
def test_what_was_answered_before_a_kill_is_counted_once(
    acme, globex, usage_folder, held, flush_s
) -> None:
    with (
        held("kill -9 of web processes that count"),
        web_running(usage_folder, flush_s=flush_s) as web,
    ):
        deaths = 3
        goes_on = threading.Event()

        def ask() -> None:
            while not goes_on.is_set():
                web.get(acme)
                web.get(globex)

        def kill() -> None:
            try:
                for death in range(1, deaths + 1):
                    deadline = time.monotonic() + 180
                    while web.answered.total() < death * 150 or not web.processes():
                        assert time.monotonic() < deadline
                        time.sleep(0.01)
                    for process in web.processes():
                        process.kill()
            finally:
                goes_on.set()

        killer = threading.Thread(target=kill)
        killer.start()
        at_once(ask, 4)
        killer.join()
        living = web.processes()
        os.killpg(web.master.pid, signal.SIGKILL)
        web.master.wait(10)
        _gone, alive = psutil.wait_procs(living, timeout=10)
        assert not alive
        # Files that a kill has left are taken by whoever comes next, by two at once here.
        at_once(_drain, 2)
        usage_drain()
        found = counted()
        for place in (acme, globex):
            answered, asked = web.answered[place.tenant.id], web.asked[place.tenant.id]
            # A request may be counted and its answer lost with the process: never the other way.
            assert 200 < answered <= found[place.tenant.id] <= asked
            # Four clients, and two processes that die one after the other.
            assert asked - answered <= 4 * 2 * deaths
        assert list(usage_folder.iterdir()) == []
        usage_drain()
        assert counted() == found
    books_hold(acme)


def _drain() -> None:
    from django.db import connection

    try:
        usage_drain()
    finally:
        connection.close()
