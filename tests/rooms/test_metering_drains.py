"""Many drains at once, on real connections, while others count: each use once."""

import threading

import pytest
from django.db import connection
from modelmill.metering import counting
from modelmill.metering import spool as spooling
from modelmill.metering.counting import usage_count
from modelmill.metering.draining import usage_drain
from modelmill.metering.models import UsageEvent, UsagePending
from modelmill.metering.spool import Spool

pytestmark = pytest.mark.django_db(transaction=True)


def test_drains_and_writers_at_once_lose_and_double_nothing(
    acme, usage_folder, monkeypatch
) -> None:
    monkeypatch.setattr(spooling, "_OPEN_S", 0.01)
    new: list[int] = []
    failures: list[BaseException] = []
    is_over = threading.Event()

    def write(key: str) -> None:
        for _ in range(500):
            usage_count(tenant_id=acme.tenant.id, meter="api_requests", api_key_id=key)

    def write_elsewhere() -> None:
        """Write as another process does, with a spool of its own."""
        spool = Spool()
        for _ in range(500):
            spool.append(f"1800000000\t{acme.tenant.id}\tapi_requests\tkey-e\n".encode())
        spool.seal()

    def drain() -> None:
        while not is_over.is_set():
            new.append(usage_drain())

    def run(work, *words: str) -> None:
        try:
            work(*words)
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    writers = [threading.Thread(target=run, args=(write, key)) for key in ("key-a", "key-b")]
    writers.append(threading.Thread(target=run, args=(write_elsewhere,)))
    drains = [threading.Thread(target=run, args=(drain,)) for _ in range(3)]
    for thread in writers + drains:
        thread.start()
    for thread in writers:
        thread.join()
    counting.spool.seal()
    is_over.set()
    for thread in drains:
        thread.join()
    new.append(usage_drain())
    assert failures == [] and list(usage_folder.iterdir()) == []
    with acme.scope():
        rows = list(UsageEvent.objects.values_list("api_key_id", "qty"))
        assert len(rows) == sum(new) == UsagePending.objects.count()
    sums = {key: sum(qty for other, qty in rows if other == key) for key, _qty in rows}
    assert sums == {"key-a": 500, "key-b": 500, "key-e": 500}
