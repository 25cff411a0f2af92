"""A customer makes models of checkpoints while a worker saves more: neither waits for the other."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from modelmill.billing.services import wallet_top_up
from modelmill.core.errors import Conflict
from modelmill.core.storage import blob_write
from modelmill.training.models import Job
from modelmill.training.selectors import access_job, checkpoints_kept
from modelmill.training.services import (
    News,
    checkpoint_commit,
    checkpoint_promote,
    job_claim,
    job_pause,
)
from modelmill.training.slices import Slice

from tests.conftest import Place, place_make
from tests.making import job_make

pytestmark = pytest.mark.fault

ROUNDS = 25


@pytest.fixture
def place(transactional_db: None, settings: Any, tmp_path: Any) -> Place:
    settings.MEDIA_ROOT = tmp_path / "storage"
    place = place_make("acme")
    with place.scope():
        wallet_top_up(tenant_id=place.tenant.id, key="rich", amount_micro=10**12)
    return place


def test_models_are_made_of_checkpoints_while_others_are_saved(place: Place) -> None:
    origin = job_make(place)
    lease = job_claim("w1")
    assert lease is not None

    def save() -> None:
        with place.scope():
            for step in range(1, ROUNDS + 1):
                blob = blob_write([f"state {step}".encode()])
                piece = Slice(number=step, step_from=step - 1, step_to=step, elapsed_ms=10)
                news = News(step=step, total_steps=ROUNDS)
                checkpoint_commit(lease, news, piece=piece, step=step, blob=blob)
        connection.close()

    def promote() -> int:
        made = set()
        with place.scope():
            is_last = False
            while not is_last:
                is_last = access_job(origin.id).step == ROUNDS
                for checkpoint in reversed(checkpoints_kept(origin)):
                    try:
                        made.add(checkpoint_promote(checkpoint, caller=place.caller).id)
                    except Conflict as gone:
                        assert gone.code == "checkpoint_gone"
                job_pause(access_job(origin.id), caller=place.caller)
        connection.close()
        return len(made)

    with ThreadPoolExecutor(2) as pool:
        saving, promoting = pool.submit(save), pool.submit(promote)
        saving.result(timeout=120)
        # Of those that are there at the end each is a model, and as many before as it was quick.
        assert promoting.result(timeout=120) >= 2
    with place.scope():
        jobs = Job.objects.filter(from_checkpoint__isnull=False)
        kept = [checkpoint for job in jobs for checkpoint in checkpoints_kept(job)]
        assert len(kept) == jobs.count() == len({job.from_checkpoint_id for job in jobs})
        assert all(checkpoint.blob.refs >= 1 for checkpoint in kept)
