"""What a job says is read in the order in which it was stored, and none of it is passed over."""

import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from modelmill.core import ids
from modelmill.training.models import Job, JobEvent
from modelmill.training.selectors import access_job, job_events, job_messages
from modelmill.training.services import (
    EventDraft,
    Lease,
    News,
    event_say,
    job_claim,
    job_heartbeat,
    job_pause,
    job_report,
)
from modelmill.training.services.events import events_write

from tests.making import job_make

JOBS = "/v1/fine_tuning/jobs"


def _claim() -> Lease:
    lease = job_claim("w1")
    assert lease is not None
    return lease


def _drafted(monkeypatch, *, apart: timedelta, lines: list[str]) -> list[EventDraft]:
    """Draft lines on a machine whose clock is wrong."""
    real, apart_ns = ids.time.time_ns, int(apart.total_seconds()) * 1_000_000_000
    with monkeypatch.context() as clock:
        clock.setattr(ids.time, "time_ns", lambda: real() + apart_ns)
        return [EventDraft(message=line, id=ids.new_id("ftevent")) for line in lines]


def _newest(job: Job) -> str:
    return list(job_events(job))[-1].pk


def test_a_line_drafted_before_a_pause_and_stored_after_it_is_behind_it(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    draft = EventDraft(message="Epoch 1")
    with acme.scope():
        job_pause(job, caller=acme.caller)
        seen = _newest(job)
        job_report(lease, News(step=5, total_steps=20, events=(draft,)))
        assert [event.message for event in job_events(job, after=seen)] == ["Epoch 1"]
        assert job_messages(job)[0].message == "Epoch 1"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_worker_whose_clock_is_wrong_is_read_in_its_place(acme, monkeypatch, hours) -> None:
    job = job_make(acme)
    lines = [f"Epoch {number}" for number in range(5)]
    drafts = _drafted(monkeypatch, apart=timedelta(hours=hours), lines=lines)
    lease = _claim()
    with acme.scope():
        seen = _newest(job)
        job_report(lease, News(step=5, total_steps=20, events=tuple(drafts)))
        event_say("And on.", job_id=job.id, tenant_id=job.tenant_id)
        told = [event.message for event in job_events(job, after=seen)]
        assert told == [*lines, "And on."]
        # A reader that has seen one of that worker's lines is told the rest.
        rest = [event.message for event in job_events(job, after=drafts[3].id)]
        assert rest == ["Epoch 4", "And on."]


def test_pages_follow_the_order_and_hold_each_event_once(acme, monkeypatch) -> None:
    job = job_make(acme)
    drafts = _drafted(monkeypatch, apart=timedelta(hours=-1), lines=["one", "two", "three"])
    lease = _claim()
    with acme.scope():
        job_report(lease, News(step=5, total_steps=20, events=tuple(drafts)))
    told, page = [], {"has_more": True, "last_id": ""}
    while page["has_more"]:
        page = acme.api.get(f"{JOBS}/{job.id}/events?limit=2&after={page['last_id']}").json()
        told += [event["message"] for event in page["data"]]
    assert told[:3] == ["three", "two", "one"] and told[-1] == "Training job created."
    assert len(told) == len(set(told)) == 5


def test_nothing_comes_after_an_event_that_is_another_jobs(acme) -> None:
    job, other = job_make(acme), job_make(acme)
    with acme.scope():
        foreign = _newest(other)
        assert list(job_events(job, after=foreign)) == list(job_events(job))
    page = acme.api.get(f"{JOBS}/{job.id}/events?after={foreign}").json()
    assert (page["data"], page["has_more"]) == ([], False)


def test_samples_have_pages_in_their_order_too(acme, monkeypatch) -> None:
    job = job_make(acme)
    late = EventDraft(kind="sample", message="A tale", values={"name": "late"})
    (early,) = _drafted(monkeypatch, apart=timedelta(hours=1), lines=["A poem"])
    early = EventDraft(kind="sample", message="A poem", values={"name": "early"}, id=early.id)
    lease = _claim()
    with acme.scope():
        job_report(lease, News(step=5, total_steps=20, events=(early,)))
        job_report(lease, News(step=6, total_steps=20, events=(late,)))
    first = acme.api.get(f"{JOBS}/{job.id}/samples?limit=1").json()
    second = acme.api.get(f"{JOBS}/{job.id}/samples?limit=1&after={first['last_id']}").json()
    names = [page["data"][0]["data"]["sample"] for page in (first, second)]
    assert (names, second["has_more"]) == (["late", "early"], False)


def test_a_stream_that_is_opened_again_goes_on_behind_a_late_line(acme, monkeypatch) -> None:
    job = job_make(acme)
    (late,) = _drafted(monkeypatch, apart=timedelta(hours=-1), lines=["late"])
    lease = _claim()
    with acme.scope():
        event_say("seen", job_id=job.id, tenant_id=job.tenant_id)
        seen = _newest(job)
        job_report(lease, News(step=5, total_steps=20, events=(late,)))
    stream = acme.api.get(f"{JOBS}/{job.id}/events?stream=1", headers={"Last-Event-ID": seen})
    first = next(iter(stream.streaming_content)).decode()
    assert first.startswith(f"id: {late.id}\n") and '"message":"late"' in first


def test_what_is_stored_again_with_something_new_is_stored_once(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    one, two = EventDraft(message="one"), EventDraft(message="two")
    with acme.scope():
        seen = _newest(job)
        job_heartbeat(lease, News(step=1, total_steps=20, events=(one,)), piece=None)
        job_heartbeat(lease, News(step=2, total_steps=20, events=(one, two)), piece=None)
        assert [event.message for event in job_events(job, after=seen)] == ["one", "two"]


def test_many_events_cost_as_many_queries_as_one(acme) -> None:
    job = job_make(acme)
    counts = []
    with acme.scope():
        for size in (1, 60):
            drafts = [EventDraft(message=f"{size}: {number}") for number in range(size)]
            with CaptureQueriesContext(connection) as queries, transaction.atomic():
                events_write(drafts, job_id=job.id, tenant_id=job.tenant_id)
            counts.append(sum("SAVEPOINT" not in query["sql"] for query in queries))
    assert counts[0] == counts[1] <= 5


@pytest.mark.django_db(transaction=True)
def test_who_reads_on_while_two_write_misses_nothing(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        seen = _newest(job)
    start, failures = threading.Barrier(3), []

    def write(name: str) -> None:
        try:
            with acme.scope():
                start.wait()
                for number in range(25):
                    with transaction.atomic():
                        # Drafted first, as a worker does, and stored with another in between.
                        drafts = [EventDraft(message=f"{name}{number}{part}") for part in "ab"]
                        events_write(drafts[1:], job_id=job.id, tenant_id=job.tenant_id)
                        events_write(drafts[:1], job_id=job.id, tenant_id=job.tenant_id)
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in ("x", "y")]
    for thread in threads:
        thread.start()
    told: list[str] = []
    start.wait()
    with acme.scope():
        is_last = False
        while not is_last:
            is_last = not any(thread.is_alive() for thread in threads)
            for event in job_events(job, after=seen):
                told.append(event.message)
                seen = event.pk
    assert failures == []
    assert len(told) == len(set(told)) == 100
    for name in ("x", "y"):
        own = [line for line in told if line[0] == name]
        assert own == [f"{name}{number}{part}" for number in range(25) for part in "ba"]
    with acme.scope():
        seqs = list(job_events(access_job(job.id)).values_list("seq", flat=True))
        assert seqs == list(range(1, access_job(job.id).events_count + 1))


@pytest.mark.django_db(transaction=True)
def test_events_from_before_there_was_an_order_keep_the_one_they_were_read_in(acme) -> None:
    jobs = [job_make(acme) for _ in range(2)]
    with acme.scope():
        for number in range(30):
            for job in jobs:
                event_say(f"line {number}", job_id=job.id, tenant_id=job.tenant_id)
        as_read = [
            list(JobEvent.objects.filter(job=job).order_by("id").values_list("id", flat=True))
            for job in jobs
        ]
    call_command("migrate", "training", "0015", verbosity=0)
    call_command("migrate", "training", verbosity=0)
    with acme.scope():
        for job, before in zip(jobs, as_read, strict=True):
            assert [event.pk for event in job_events(job)] == before
            event_say("the next", job_id=job.id, tenant_id=job.tenant_id)
            newest = job_messages(job)[0]
            assert (newest.message, newest.seq) == ("the next", len(before) + 1)
