"""Requests that hold a thread: bounded for all and for each, and never lost count of."""

import pytest
from modelmill.api.framework import waiting
from modelmill.api.framework.waiting import Held, Room
from modelmill.core.errors import RateLimited

from tests.making import job_make


@pytest.fixture(autouse=True)
def _small(settings):
    settings.WAITING_MAX = 3
    assert not waiting._held
    yield
    assert not waiting._held


def test_a_tenant_gets_its_share_and_leaves_the_rest() -> None:
    with Room("acme"), Room("acme"), Room("globex"), pytest.raises(RateLimited):
        Room("acme")
    with Room("acme"), Room("acme"), pytest.raises(RateLimited):
        Room("acme")


def test_a_place_is_given_back_once() -> None:
    room = Room("acme")
    room.give_back()
    room.give_back()


@pytest.mark.parametrize("read", [0, 1, 3])
def test_a_stream_gives_its_place_back_however_far_it_was_read(read) -> None:
    stream = Held(iter([b"a", b"b"]), Room("acme"))
    for _ in range(read):
        next(stream, None)
    stream.close()


def test_a_stream_too_many_is_told_to_come_back(acme) -> None:
    job = job_make(acme)
    path = f"/v1/fine_tuning/jobs/{job.id}/events?stream=1"
    streams = [acme.api.get(path) for _ in range(2)]
    try:
        answer = acme.api.get(path)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"]
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"
        assert acme.api.get(f"/v1/fine_tuning/jobs/{job.id}").status_code == 200
    finally:
        for stream in streams:
            stream.close()


def test_a_refused_request_leaves_its_place(acme) -> None:
    body = {"model": "ft:none", "prompt": "a"}
    for stream in (True, False):
        assert acme.api.post_json("/v1/completions", {**body, "stream": stream}).status_code == 404
