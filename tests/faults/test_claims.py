"""Several workers at once: each job is had by one of them."""

import threading
from collections import Counter

import pytest
from django.core.management import call_command
from django.db import connection
from modelmill.training.models import Attempt
from modelmill.training.services import Lease, job_claim

from tests.conftest import place_make
from tests.making import job_make

pytestmark = pytest.mark.fault

WORKERS, JOBS = 4, 12


def test_every_job_is_claimed_by_exactly_one_worker(transactional_db) -> None:
    call_command("billing_plan", "starter", at_once=JOBS)
    places = [place_make("acme"), place_make("globex")]
    jobs = {job_make(places[number % 2]).id for number in range(JOBS)}
    claimed: list[Lease] = []
    start = threading.Barrier(WORKERS)

    def work(name: str) -> None:
        start.wait()
        while (lease := job_claim(name)) is not None:
            claimed.append(lease)
        connection.close()

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Counter(lease.job_id for lease in claimed) == Counter(jobs)
    assert {lease.fence for lease in claimed} == {1}
    for place in places:
        with place.scope():
            assert Attempt.objects.count() == JOBS // 2
