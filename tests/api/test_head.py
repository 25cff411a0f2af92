"""HEAD: what GET would say, and not a byte behind it, on connections that go on."""

import socket
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from modelmill.catalog.services import manifest_publish
from modelmill.core.heads import HeadMiddleware
from modelmill.core.storage import blob_write
from modelmill.registry.models import ModelVersion
from modelmill.registry.services import Lineage, version_publish

from tests.conftest import Place
from tests.making import manifest_make
from tests.processes import gunicorn_running

_END = b"\r\n\r\n"


@pytest.fixture
def version(transactional_db: None, acme: Place, settings: Any) -> ModelVersion:
    # Where the other process looks, too.
    settings.MEDIA_ROOT = settings.VAR_DIR / "storage"
    lineage = Lineage(
        release=manifest_publish(manifest_make()), job_id="ftjob-1", dataset_version_id="dsv-1"
    )
    with acme.scope():
        blobs = {"model.safetensors": blob_write([bytes(range(256)) * 400])}
        return version_publish(blobs, lineage=lineage)


@pytest.fixture
def port(version: ModelVersion, tmp_path: Any) -> Iterator[int]:
    with gunicorn_running(tmp_path / "web.log") as (port, _master):
        yield port


def _asked(client: socket.socket, method: str, path: str, headers: str) -> None:
    client.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())


def _head_and_next(port: int, path: str, headers: str) -> tuple[bytes, bytes]:
    """Send HEAD, then a GET on the same connection; return the first headers, and the rest."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        _asked(client, "HEAD", path, headers)
        got = b""
        while _END not in got:
            part = client.recv(1 << 16)
            assert part, got
            got += part
        _asked(client, "GET", "/healthz", "Connection: close\r\n")
        while part := client.recv(1 << 16):
            got += part
    head, _end, rest = got.partition(_END)
    return head, rest


def test_the_answer_after_a_head_is_the_next_requests(
    acme: Place, version: ModelVersion, port: int
) -> None:
    api = f"Authorization: Bearer {acme.key}\r\n"
    page = f"Cookie: sessionid={acme.browser().cookies['sessionid'].value}\r\n"
    file = "files/model.safetensors"
    for path, headers, length in [
        (f"/v1/models/{version.name}/content", api, None),
        (f"/v1/models/{version.name}/{file}", api, b"102400"),
        (f"/models/{version.id}/content", page, None),
        (f"/models/{version.id}/{file}", page, b"102400"),
        ("/healthz", "", b"2"),
    ]:
        head, rest = _head_and_next(port, path, headers)
        lines = head.lower().split(b"\r\n")
        assert lines[0] == b"http/1.1 200 ok", (path, head)
        assert b"connection: keep-alive" in lines, head
        assert not any(line.startswith(b"transfer-encoding") for line in lines)
        said = [line.split(b": ")[1] for line in lines if line.startswith(b"content-length")]
        assert said == ([length] if length else []), path
        # Nothing lies between the two answers.
        assert rest.startswith(b"HTTP/1.1 200 OK\r\n") and rest.endswith(_END + b"ok"), path
        assert rest.count(b"HTTP/1.1 ") == 1


def test_a_head_takes_every_kind_of_body_away_and_says_how_long_it_was() -> None:
    file, closed = BytesIO(b"weights"), []

    def stream() -> Iterator[bytes]:
        yield b"a zip"

    class Held:
        def __iter__(self) -> Iterator[bytes]:
            return stream()

        def close(self) -> None:
            closed.append(True)

    answers = [HttpResponse("whole"), FileResponse(file), StreamingHttpResponse(Held())]
    for answer in answers:
        request = RequestFactory().head("/")
        served = HeadMiddleware(lambda _request, answer=answer: answer)(request)
        assert b"".join(served) == b""  # type: ignore[call-overload]
        assert getattr(served, "file_to_stream", None) is None
    assert [answer.get("Content-Length") for answer in answers] == ["5", "7", None]
    # What was never read is closed all the same, as the server closes every answer.
    for answer in answers:
        answer.close()
    assert file.closed and closed
    kept = HeadMiddleware(lambda _request: HttpResponse("whole"))(RequestFactory().get("/"))
    assert b"".join(kept) == b"whole"  # type: ignore[call-overload]
