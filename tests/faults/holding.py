"""What must hold when everything has come to rest, whoever died on the way."""

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import Sum
from modelmill.billing.models import Balance, JournalEntry, Reservation
from modelmill.core.models import Blob, OutboxMessage
from modelmill.core.orphans import blob_users, orphans_sweep
from modelmill.core.scope import system_scope
from modelmill.inference.forgetting import outputs_count
from modelmill.metering.models import UsageEvent, UsagePending, UsageRollup
from modelmill.metering.rolling import usage_roll_all
from modelmill.registry.models import ModelVersion
from modelmill.registry.services import version_fetch
from modelmill.training.models import Attempt, Job
from modelmill_fakes.learning import Learner
from modelmill_sdk.testing import train_once

from workers.supervisor.inputs import data_fetch

_EVERYTHING = timedelta(minutes=-1)
_undisturbed: dict[tuple[str, int, int], bytes] = {}


def books_hold(place: Any) -> None:
    """Money and usage add up: nothing is lost, doubled or left set aside."""
    usage_roll_all()
    with place.scope():
        assert not UsagePending.objects.exists()
        events = _by_meter(UsageEvent.objects.all())
        assert events == _by_meter(UsageRollup.objects.all())
        accounts: Counter[str] = Counter()
        for entry in JournalEntry.objects.all():
            accounts[entry.from_account] -= entry.amount_micro
            accounts[entry.to_account] += entry.amount_micro
        assert sum(accounts.values()) == 0
        balance = Balance.objects.get(tenant_id=place.tenant.id)
        for account in ("wallet", "reserved", "unbilled"):
            assert getattr(balance, f"{account}_micro") == accounts[account], account
        still_open = Reservation.objects.filter(closed_at=None)
        over = {job.id for job in Job.objects.all() if job.is_over}
        assert not {held.subject for held in still_open} & over
        assert balance.reserved_micro == sum(held.amount_micro for held in still_open)


def jobs_hold(place: Any, jobs: list[Job], *, steps: int) -> None:
    """Every job is done once: one model, one good attempt, each step billed once, or free once.

    And the model is that of a training here and now, which nothing disturbed.
    """
    with place.scope():
        for job in Job.objects.filter(pk__in=[job.pk for job in jobs]):
            assert (job.state, job.step) == ("succeeded", steps), (job.id, job.error_message)
            billed = UsageEvent.objects.filter(subject=job.id, billable=True)
            free = UsageEvent.objects.filter(subject=job.id, reason="quote")
            walked = sorted(
                step
                for event in [*billed, *free]
                for step in range(event.dims["step_from"], event.dims["step_to"])
            )
            assert walked == list(range(steps)), job.id
            assert sum(event.qty for event in billed) == job.billed_ms
            attempts = list(Attempt.objects.filter(job=job))
            assert all(attempt.ended_at for attempt in attempts)
            assert [a.outcome for a in attempts].count("succeeded") == 1
            model = ModelVersion.objects.get(job_id=job.id)
            with tempfile.TemporaryDirectory() as folder:
                weights = version_fetch(model, Path(folder, "model")) / "weights.json"
                assert weights.read_bytes() == _weights_undisturbed(job, steps), job.id


def _weights_undisturbed(job: Job, steps: int) -> bytes:
    key = (job.training_version_id, job.seed, steps)
    if key not in _undisturbed:
        with tempfile.TemporaryDirectory() as folder:
            data = data_fetch(job, Path(folder, "data"))
            model_dir, _metrics = train_once(Learner, data, {"steps": steps}, seed=job.seed)
            _undisturbed[key] = (model_dir / "weights.json").read_bytes()
    return _undisturbed[key]


def messages_hold() -> None:
    """Nothing waits in the outbox but what was sent."""
    assert not OutboxMessage.objects.filter(sent_at=None).exists()


def storage_holds() -> int:
    """After the sweep every file has a row and every row as many users as it counts.

    Returns how many orphans the sweep had to clear away.
    """
    cleared = orphans_sweep(grace=_EVERYTHING)
    with system_scope("the blobs of every tenant"):
        blobs = list(Blob.objects.all())
        users = blob_users([blob.id for blob in blobs]) + outputs_count(b.id for b in blobs)
    assert {blob.id: blob.refs for blob in blobs} == dict(users)
    root = Path(default_storage.location) / "tenants"
    files = {str(p.relative_to(root.parent)) for p in root.rglob("blobs/*/*") if p.is_file()}
    assert files == {blob.path for blob in blobs}
    return cleared


def _by_meter(rows: Any) -> dict[Any, int]:
    keys = ("meter", "plugin_id", "billable")
    return {row[:3]: row[3] for row in rows.order_by().values_list(*keys).annotate(Sum("qty"))}
