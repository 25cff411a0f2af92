"""Whatever clients do at once: one order of it explains all that was seen, and the bills."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection
from modelmill.billing.services import wallet_top_up
from modelmill.catalog.services import manifest_publish
from modelmill.core import killpoints, outbox
from modelmill.core.storage import blob_write
from modelmill.metering.models import UsageEvent
from modelmill.training.models import Attempt, Job, job_id
from modelmill.training.selectors import access_job
from modelmill.training.services import endings, job_cancel, job_submit, leases
from modelmill.training.services.turns import lane_open
from modelmill.training.states import State

from tests.conftest import Place, place_make
from tests.faults.conftest import FULL, SEEDS, suite_on
from tests.faults.histories.clients import Client, History, reach
from tests.faults.histories.judge import order_find, steps_billed_once
from tests.faults.histories.model import OVER, Op, Situation
from tests.making import manifest_make, version_make

pytestmark = pytest.mark.fault

CLIENTS, JOBS, ACTS = 8, 4, 6
# What eight clients did to one job is one history. In the suite there are 200 on both databases
# together: most where writers meet, for SQLite lets one in at a time.
HISTORIES = 100 * len(SEEDS) if FULL else 140 if connection.vendor == "postgresql" else 60
START = Situation()


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    """Eight clients' threads, each with a connection of its own."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        yield pool
        together = Barrier(CLIENTS)
        list(pool.map(lambda _: (together.wait() and None) or connection.close(), range(CLIENTS)))


@pytest.fixture
def place(transactional_db: None, monkeypatch: Any, settings: Any, tmp_path: Any) -> Place:
    """A tenant with money, where time passes only when a client lets it, and clients can die."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    settings.LEASE_S, settings.HEARTBEAT_S = 36_000, 1
    monkeypatch.setattr(endings, "_FIRST_RETRY_S", 36_000)
    monkeypatch.setattr(endings, "_SLOWEST_RETRY_S", 36_000)
    monkeypatch.setattr(outbox, "ring", lambda *_: True)
    monkeypatch.setattr(killpoints, "_armed", {"all": None})
    monkeypatch.setattr(killpoints, "_reach", reach)
    place = place_make("acme")
    with place.scope():
        wallet_top_up(tenant_id=place.tenant.id, key="rich", amount_micro=10**15)
    return place


@pytest.fixture
def history_make(place: Place, crowd: ThreadPoolExecutor) -> Callable[[int], History]:
    """Make the history of a seed, to its end."""
    with place.scope():
        manifest_publish(manifest_make())
        blob = blob_write([b"a state to go on from"])
        version = version_make(place)
        like = job_submit(caller=place.caller, plugin_id="toy", training_ref=version.id)
        job_cancel(like, caller=place.caller)

    def history_make(seed: int) -> History:
        with place.scope():
            history = History([_job_like(like) for _ in range(JOBS)])
            lane_open(place.tenant.id)
        clients = [
            Client(number, place=place, history=history, blob=blob, seed=f"{seed}/{number}")
            for number in range(CLIENTS)
        ]
        acting = [crowd.submit(client.act, ACTS) for client in clients]
        # All of them, even when one fails: none may act on in the history that comes next.
        wait(acting)
        for client in acting:
            client.result()
        with place.scope():
            last = Client(CLIENTS, place=place, history=history, blob=blob, seed=str(seed))
            _come_to_rest(last, history.jobs)
        return history

    return history_make


def _job_like(job: Job) -> Job:
    """Store another job like this one; its reservation is opened when it is settled."""
    fields = {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields}
    return Job.objects.create(**{**fields, "id": job_id()})


def _come_to_rest(last: Client, jobs: list[Job]) -> None:
    """Let an honest worker do what is left, and read what became of each job."""
    for _round in range(5):
        if all(access_job(job.id).is_over for job in jobs):
            break
        for job in jobs:
            if access_job(job.id).state == "paused":
                last.resume(job)
            last.expire(job)
        last.do_sweep()
        for job in jobs:
            last.expire(job)
        last.finish_all()
    for job in jobs:
        assert last.read(job).state in OVER


def _put_away(place: Place) -> None:
    """End what a history left: else it would hold the plan's places, or be done in the next."""
    with place.scope():
        Job.objects.exclude(state__in=OVER).update(
            state=State.CANCELLED, lease_owner="", lease_until=None
        )


def unexplained(history: History) -> str:
    """Tell the operations on the first job that have no order its rules allow; empty if none."""
    for ops in history.ops.values():
        if order_find(ops, start=START) is None:
            first = ops[0].begun
            return "\n".join(
                f"{op.begun - first:7.4f} {op.ended - first:7.4f} client {op.client}: "
                f"{op.kind} {op.fence or ''} {op.result}"
                for op in sorted(ops, key=lambda op: op.begun)
            )
    return ""


def is_billed_once(history: History) -> bool:
    """Say whether each job's steps were billed once, and the time with them."""
    for job in history.jobs:
        row = access_job(job.id)
        billed = list(UsageEvent.objects.filter(subject=job.id, billable=True))
        ranges = [(event.dims["step_from"], event.dims["step_to"]) for event in billed]
        if not steps_billed_once(ranges, through=row.billed_through_step):
            return False
        if sum(event.qty for event in billed) != row.billed_ms:
            return False
    return True


@pytest.mark.timeout(3600 if FULL else 600)
def test_every_history_has_an_order_and_bills_each_step_once(place, history_make, held) -> None:
    for seed in range(HISTORIES // JOBS):
        with ExitStack() as each, place.scope():
            for _job in range(JOBS):
                each.enter_context(held("histories of 8 clients"))
            history = history_make(seed)
            assert not unexplained(history), f"seed {seed}\n{unexplained(history)}"
            assert is_billed_once(history), f"seed {seed}: {history.ops}"
            attempts = Attempt.objects.filter(job__in=history.jobs)
            assert all(attempt.ended_at for attempt in attempts)


@suite_on("sqlite")
def test_the_judge_finds_what_a_worker_without_fences_does(
    place, history_make, monkeypatch
) -> None:
    def lease_update(lease: Any, **changes: Any) -> None:
        Job.objects.filter(pk=lease.job_id).update(**changes)

    from modelmill.training.services import limits, money, reports

    for module in (leases, endings, limits, money, reports):
        monkeypatch.setattr(module, "lease_update", lease_update)
    for seed in range(300):
        try:
            history = history_make(seed)
        except IntegrityError:
            # The database's own guards: a lease without a running job, a state that cannot follow.
            _put_away(place)
            continue
        if unexplained(history):
            return
    pytest.fail("three hundred histories without fences, and nothing was found")


def _claims(*fences: int) -> list[Op]:
    return [
        Op(kind="claim", fence=fence, begun=float(at), ended=at + 0.5)
        for at, fence in enumerate(fences)
    ]


def _op(kind: str, begun: float, **seen: Any) -> Op:
    return Op(kind=kind, begun=begun, ended=begun + 0.5, **seen)


LAWFUL = [
    *_claims(1),
    _op("beat", 1, fence=1, result="run"),
    _op("expire", 2),
    _op("claim", 3, fence=2),
    _op("beat", 4, fence=1, result="lost"),
    _op("finish", 5, fence=2),
    _op("read", 6, result="succeeded 2 2"),
]


def test_the_judge_lets_what_is_lawful_pass() -> None:
    assert order_find(LAWFUL, start=START) is not None


LATE = [
    *_claims(1),
    _op("expire", 1),
    _op("beat", 2, fence=1, result="lost"),
    _op("sweep", 3),
    _op("read", 4, result="queued 2 1"),
]


def test_a_lease_that_ran_out_is_lost_though_nobody_took_the_job() -> None:
    assert order_find(LATE, start=START) is not None


PLANTED = {
    "a write after the lease": [
        replace(op, result="run") if op.kind == "beat" else op for op in LATE
    ],
    "two valid fences at once": [*_claims(1, 2)],
    "a write under an older fence": [
        replace(op, result="run") if op.result == "lost" else op for op in LAWFUL
    ],
    "a lease that was lost though nobody took it": [
        *_claims(1),
        _op("beat", 1, fence=1, result="lost"),
    ],
    "an end that is none": [*LAWFUL[:-1], _op("claim", 6, fence=3)],
    "a resumed job that has ended": [*LAWFUL[:-1], _op("resume", 6)],
    "a fourth attempt": [
        op
        for at in range(4)
        for op in (_op("expire", 2 * at), _op("claim", 2 * at + 1, fence=at + 1))
    ],
    "a wish that was forgotten": [
        *_claims(1),
        _op("cancel", 1),
        _op("beat", 2, fence=1, result="run"),
    ],
    "a state nobody brought about": [*_claims(1), _op("read", 1, result="paused 1 0")],
    "a fence that went back": [
        *_claims(1),
        _op("expire", 1),
        _op("claim", 2, fence=1),
    ],
}


@pytest.mark.parametrize("ops", PLANTED.values(), ids=PLANTED)
def test_the_judge_finds_a_planted_violation(ops) -> None:
    assert order_find(ops, start=START) is None


def test_what_overlaps_may_have_happened_in_either_order() -> None:
    ops = [
        *_claims(1),
        Op(kind="cancel", begun=1, ended=9),
        Op(kind="beat", begun=2, ended=3, fence=1, result="cancel"),
        Op(kind="yield", begun=4, ended=5, fence=1),
    ]
    assert order_find(ops, start=START) is not None
    late = [replace(op, begun=6) if op.kind == "cancel" else op for op in ops]
    assert order_find(late, start=START) is None


@pytest.mark.parametrize("ranges", [[(0, 3), (2, 5)], [(0, 2), (3, 5)], [(0, 5), (4, 5)]])
def test_a_step_billed_twice_or_not_at_all_is_found(ranges) -> None:
    assert not steps_billed_once(ranges, through=5)
    assert steps_billed_once([(0, 2), (2, 5)], through=5)
