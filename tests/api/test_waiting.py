"""Requests that hold a thread: bounded for all and for each, and never lost count of."""

import pytest
from modelmill.core import downloads, waiting
from modelmill.core.errors import RateLimited
from modelmill.core.waiting import Held, Room

from tests.making import job_make
from tests.serving import model_made


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


def test_long_downloads_leave_threads_to_others_and_short_ones_need_no_place(
    acme, settings, monkeypatch
) -> None:
    version = model_made(acme, "fake-speaker")
    path = f"/v1/models/{version.name}"
    monkeypatch.setattr(downloads, "_SHORT_BYTES", 0)
    under_way = [acme.api.get(f"{path}/content"), acme.api.get(f"{path}/files/count.json")]
    refused = [acme.api.get(f"{path}/{what}") for what in ("content", "files/count.json")]
    assert [answer.status_code for answer in refused] == [429, 429]
    page = acme.browser().get(f"/models/{version.id}/content")
    assert page.status_code == 429 and "at once" in page.content.decode()
    monkeypatch.setattr(downloads, "_SHORT_BYTES", 2**20)
    assert acme.api.get(f"{path}/files/count.json").status_code == 200
    for answer in under_way:
        assert b"".join(answer.streaming_content)
    assert b"".join(acme.api.get(f"{path}/content").streaming_content)


def test_asking_how_large_it_is_takes_no_place_and_a_lost_file_keeps_none(
    acme, monkeypatch
) -> None:
    version = model_made(acme, "fake-speaker")
    path = f"/v1/models/{version.name}/files/count.json"
    monkeypatch.setattr(downloads, "_SHORT_BYTES", 0)
    for _ in range(4):
        assert acme.api.head(path).status_code == 200
    acme.api.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "blob_open", _lost)
        for _ in range(4):
            assert acme.api.get(path).status_code >= 500
    assert b"".join(acme.api.get(path).streaming_content)


def _lost(_blob: object) -> None:
    raise OSError("The disk is gone.")
