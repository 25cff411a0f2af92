"""A web process, a control worker or an inference worker dies at each named point."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from modelmill.billing.models import Invoice, InvoiceDocument
from modelmill.billing.selectors import invoice_recomputes
from modelmill.billing.subscriptions import subscription_ensure
from modelmill.core.clock import database_now
from modelmill.core.models import OutboxMessage
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.selectors import version_for
from modelmill.datasets.services import file_create
from modelmill.inference.lifecycle import MAX_ATTEMPTS
from modelmill.inference.models import Prediction
from modelmill.inference.services import Ask, prediction_create
from modelmill.inference.sweeping import RING_AGAIN, predictions_sweep
from modelmill.metering import counting
from modelmill.metering.counting import usage_count
from modelmill.metering.models import UsageEvent
from modelmill.metering.services import usage_record
from modelmill.tenants.models import WebhookDelivery
from modelmill.tenants.webhooks.services import endpoint_create, webhook_announce
from modelmill.training.models import Attempt, Job
from modelmill.training.services import job_claim

from tests.faults.conftest import FULL, SEEDS, Mill
from tests.faults.forked import KILLED, Nursery
from tests.faults.holding import books_hold, messages_hold, storage_holds
from tests.faults.test_killed_in_training import messages_go
from tests.making import grain_make
from tests.serving import model_made

pytestmark = pytest.mark.fault

ON_POSTGRESQL = connection.vendor == "postgresql"
LONG_AGO = Now() - timedelta(seconds=5)


def points(*names: str, is_dear: bool = False) -> Any:
    """Each point once, in one of the two databases; in the full run with every seed, in both.

    After the death at its point a seed lets the successors die anywhere, by its dice.
    """
    plans = [(name, 0) for name in names[ON_POSTGRESQL::2]]
    if FULL:
        seeds = SEEDS[::4] if is_dear else SEEDS
        plans = [(name, seed) for name in names for seed in seeds]
    return pytest.mark.parametrize("plan", plans, ids=[f"{name}~{seed}" for name, seed in plans])


class Die:
    """``die(act, …)``: a process dies at a point of an act, then others do, and one lives."""

    def __init__(self, forks: Nursery, plan: tuple[str, int]) -> None:
        self.point, self._seed = plan
        self._forks = forks
        self.deaths = 0

    def __call__(
        self, act: str, *, between: Any = None, options: Any = None, **values: Any
    ) -> None:
        plans = [self.point]
        if FULL:
            plans += [f"*@0.2~{self._seed * 10 + number}" for number in range(2)]
        for plan in plans:
            died = self._forks.call(act, plan=plan, options=options, **values)
            may_live = plan is not self.point
            assert died.status() == KILLED or (may_live and died.status() == 0), died.log()
            self.deaths += died.status() == KILLED
            if between is not None:
                between()
        done = self._forks.call(act, options=options, **values)
        assert done.status() == 0, done.log()


@pytest.fixture
def die(forks: Nursery, held: Any, plan: tuple[str, int]) -> Iterator[Die]:
    die = Die(forks, plan)
    with held(die.point):
        yield die


@points(
    "reserve.before_journal",
    "submit.before_commit",
    "submit.after_commit",
    "outbox.before_send",
    "outbox.after_send",
)
def test_a_request_sent_again_is_one_job(mill, die, plan, valkey_server) -> None:
    version = grain_make(mill.place)
    user, tenant_id = mill.place.owner.email, mill.place.tenant.id
    die("tests.faults.acts:submit", tenant_id=tenant_id, user=user, version_id=version.id)
    messages_go()
    with mill.place.scope():
        (job,) = Job.objects.all()
    assert valkey_server.client().llen(f"{settings.REDIS_PREFIX}train") >= 1
    lease = job_claim("w")
    assert lease is not None and lease.job_id == job.id
    books_hold(mill.place)
    messages_hold()


@points("sweep.taken", "fail.before_commit", "sweep.mid_pass")
def test_a_silent_workers_job_is_taken_once(mill, die, plan) -> None:
    job = mill.submit(steps=8)
    assert job_claim("w") is not None
    with mill.place.scope():
        Job.objects.update(lease_until=LONG_AGO)
    die("modelmill.training.services:jobs_sweep")
    now = mill.job(job)
    assert (now.state, now.attempt) == ("queued", 1)
    with mill.place.scope():
        assert [row.outcome for row in Attempt.objects.all()] == ["worker_lost"]
    books_hold(mill.place)


@points("settle.before_journal", "fail.before_commit")
def test_a_job_lost_for_the_last_time_fails_and_gives_its_money_back(mill, die, plan) -> None:
    job = mill.submit(steps=8)
    with mill.place.scope():
        Job.objects.update(max_attempts=1)
        assert job_claim("w") is not None
        Job.objects.update(lease_until=LONG_AGO)
    die("modelmill.training.services:jobs_sweep")
    assert (mill.job(job).state, mill.job(job).error_code) == ("failed", "worker_lost")
    books_hold(mill.place)


@points(
    "intake.claimed",
    "unblock.before_commit",
    "intake.checked",
    "intake.before_commit",
    is_dear=True,
)
def test_data_is_checked_once_and_the_job_that_waits_for_it_goes_on(mill, die, plan) -> None:
    with mill.place.scope():
        file = file_create(
            BytesIO(b"corn\nrye\n"),
            filename="grain.txt",
            purpose="fine-tune",
            caller=mill.place.caller,
        )
        version = version_for(file.id)
    job = mill.submit(version, steps=8)
    assert job.state == "validating_files"

    def lease_ends() -> None:
        with mill.place.scope():
            DatasetVersion.objects.filter(leased_until__isnull=False).update(leased_until=LONG_AGO)

    ids = {"tenant_id": mill.place.tenant.id, "version_id": version.id}
    die("workers.tasks.datasets:validate", between=lease_ends, **ids)
    with mill.place.scope():
        version.refresh_from_db()
    # Where the dice let every attempt die, the last one says so instead of trying for ever.
    is_lost = version.attempts > settings.MAX_ATTEMPTS
    expected = (False, 0, "failed") if is_lost else (True, 1, "queued")
    assert (version.is_ready, version.row_count, mill.job(job).state) == expected
    assert die.deaths >= settings.MAX_ATTEMPTS or not is_lost
    storage_holds()


def _use(mill: Mill) -> None:
    now = database_now()
    with mill.place.scope():
        subscription_ensure(mill.place.tenant)
        for number in range(5):
            usage_record(
                tenant_id=mill.place.tenant.id,
                source="test",
                event_id=f"use:{number}",
                meter="cpu_ms",
                qty=1_800_000,
                plugin_id="fake-learner",
                occurred_at=now,
            )


@points("drain.noted", "drain.recorded")
def test_counted_uses_are_in_the_ledger_once(mill, die, plan) -> None:
    with mill.place.scope():
        subscription_ensure(mill.place.tenant)
    for number in range(20):
        usage_count(
            tenant_id=mill.place.tenant.id, meter="api_requests", api_key_id=f"key-{number % 3}"
        )
    counting.spool.seal()
    die("workers.tasks.metering:drain")
    with mill.place.scope():
        assert sum(UsageEvent.objects.values_list("qty", flat=True)) == 20
    assert list(settings.USAGE_SPOOL_DIR.iterdir()) == []
    books_hold(mill.place)


@points("roll.summed", "roll.before_commit")
def test_usage_is_summed_once(mill, die, plan) -> None:
    _use(mill)
    die("modelmill.metering.rolling:usage_roll_all")
    books_hold(mill.place)


@points(
    "roll.summed",
    "seal.before_commit",
    "close.sealed",
    "close.rated",
    "close.numbered",
    "close.before_commit",
    "close.after_commit",
)
def test_a_period_is_closed_once_with_the_first_number(mill, die, plan) -> None:
    _use(mill)
    end = database_now().isoformat()
    die("workers.tasks.billing:close", tenant_id=mill.place.tenant.id, end=end)
    with mill.place.scope():
        (invoice,) = Invoice.objects.all()
        assert (invoice.number, invoice.state) == (1, "finalized")
        assert invoice.subtotal_micro == 5 * 1_800_000 * 240_000 // 3_600_000
        assert invoice_recomputes(invoice)
    messages_go()
    messages_hold()
    assert OutboxMessage.objects.filter(key__startswith="invoice-document:").count() == 1
    books_hold(mill.place)


@points("document.rendered", "document.stored", "blob.after_save", "blob.before_save")
def test_an_invoice_has_one_document(mill, die, plan) -> None:
    _use(mill)
    from modelmill.billing.closing import invoice_close

    with mill.place.scope():
        invoice = invoice_close(tenant_id=mill.place.tenant.id)
        assert invoice is not None
        ids = {"tenant_id": mill.place.tenant.id, "invoice_id": invoice.id}
        die("tests.faults.acts:document", **ids)
        assert InvoiceDocument.objects.count() == 1
    storage_holds()


@pytest.fixture
def heard() -> Iterator[tuple[str, list[str]]]:
    """A customer's server: its address, and the ids of the events it was sent."""
    ids: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            ids.append(self.headers["webhook-id"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", ids
    server.shutdown()
    thread.join()
    server.server_close()


@points("webhook.claimed", "webhook.sent")
def test_an_event_arrives_and_under_one_id(mill, die, plan, heard, settings) -> None:
    url, ids = heard
    inside = {"WEBHOOK_PRIVATE_NETWORKS": ["127.0.0.1/32"], "WEBHOOK_HTTP_ALLOWED": True}
    for name, value in inside.items():
        setattr(settings, name, value)
    with mill.place.scope():
        endpoint_create(url, caller=mill.place.caller)
        webhook_announce(
            "fine_tuning.job.succeeded", object_id="ftjob-1", tenant_id=mill.place.tenant.id
        )
        delivery = WebhookDelivery.objects.get()

        def claim_ends() -> None:
            rows = WebhookDelivery.objects.filter(state="pending")
            rows.update(next_try_at=Now() - timedelta(seconds=1))

        which = {"delivery_id": delivery.pk, "tenant_id": mill.place.tenant.id}
        die("workers.tasks.webhooks:deliver", between=claim_ends, options=inside, **which)
        delivery.refresh_from_db()
    assert delivery.state == "delivered"
    assert set(ids) == {delivery.event_id} and len(ids) <= (4 if FULL else 2)


@points("predict.claimed", "predict.computed", "predict.before_commit", is_dear=True)
def test_a_prediction_is_made_and_charged_once(mill, die, plan) -> None:
    version = model_made(mill.place, "fake-speaker")
    with mill.place.scope():
        asked = Ask(model=version.name, inputs=[{"prompt": "word " * 4}])
        prediction = prediction_create(asked, caller=mill.place.caller)

        def lease_ends() -> None:
            Prediction.objects.filter(state="running").update(lease_until=LONG_AGO)

        which = {"tenant_id": mill.place.tenant.id, "version_id": version.id}
        which |= {"prediction_id": prediction.id}
        die("workers.serving:prediction_serve", between=lease_ends, **which)
        prediction.refresh_from_db()
        expected = ("succeeded", {"tokens_in": 4, "tokens_out": 4, "requests": 1})
        if prediction.state == "running":
            # The dice let every attempt die: the sweep ends what cannot be tried again, for free.
            assert prediction.attempt == MAX_ATTEMPTS <= die.deaths
            Prediction.objects.update(rung_at=LONG_AGO - RING_AGAIN)
            predictions_sweep()
            prediction.refresh_from_db()
            expected = ("failed", {})
        charged = dict(UsageEvent.objects.values_list("meter", "qty"))
    assert (prediction.state, charged) == expected
    books_hold(mill.place)
    storage_holds()
