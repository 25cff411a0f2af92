"""The worker that checks a dataset dies in the middle; the next one arrives at the same end."""

import os
import time

import psutil
import pytest
from modelmill.core.models import Blob
from modelmill.datasets import selectors, services
from modelmill.datasets.models import DatasetShard, DatasetVersion

from tests.processes import command_of, worker_running

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]

LEASE = {"MODELMILL_LEASE_S": "3"}


def wait_until(claim, *, timeout_s: float = 60):
    deadline = time.monotonic() + timeout_s
    while not (found := claim()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return found


def version_new(place, rows: int) -> DatasetVersion:
    lines = (b'{"text": "row %d of the file"}\n' % number for number in range(rows))
    with place.scope():
        file = services.file_create(
            lines, filename="rows.jsonl", purpose="fine-tune", caller=place.caller
        )
        return selectors.version_for(file.id)


def version_now(place, version: DatasetVersion) -> DatasetVersion:
    with place.scope():
        return selectors.access_version(version.id)


def children(pid: int) -> list[psutil.Process]:
    found = psutil.Process(pid).children()
    return [child for child in found if "modelmill.datasets.intake" in command_of(child)]


def test_a_killed_check_is_done_again_by_another_worker(acme, redis_url) -> None:
    # Enough that the check is killed in the middle, on a fast machine, too.
    rows = 200_000
    with worker_running("control", redis_url=redis_url, **LEASE) as worker:
        version = version_new(acme, rows)
        readers = wait_until(lambda: children(worker.pid))
        wait_until(lambda: version_now(acme, version).rows_seen > 0)
        os.kill(worker.pid, 9)
        worker.process.wait(10)
        # Nobody goes on reading for a worker that is gone.
        _gone, alive = psutil.wait_procs(readers, timeout=10)
        assert not alive
    half = version_now(acme, version)
    assert (half.state, half.row_count, half.kind) == ("validating", 0, "")
    with worker_running("control", redis_url=redis_url, **LEASE):
        wait_until(
            lambda: services.versions_sweep() or version_now(acme, version).state != "validating"
        )
        whole = wait_until(lambda: (now := version_now(acme, version)).state == "ready" and now)
        again = version_new(acme, rows)
        assert wait_until(lambda: version_now(acme, again).is_ready)
    assert (whole.row_count, whole.attempts) == (rows, 2)
    assert whole.sha256 == version_now(acme, again).sha256
    with acme.scope():
        shards = DatasetShard.objects.filter(version=whole)
        assert sum(shards.values_list("row_count", flat=True)) == rows
        # Two versions, two files: each content is held twice, and by nobody else.
        assert set(Blob.objects.values_list("refs", flat=True)) == {2}
