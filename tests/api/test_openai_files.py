"""The unmodified openai client, over a real socket: files and uploads."""

import hashlib
import os
from pathlib import Path

import openai
import pytest
from modelmill.datasets import selectors, services

from tests.conftest import place_make


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


@pytest.fixture
def place(transactional_db):
    return place_make("acme")


@pytest.fixture
def client(place, live_server):
    with openai.OpenAI(
        base_url=f"{live_server.url}/v1", api_key=place.key, max_retries=0
    ) as client:
        yield client


def test_files_are_created_checked_listed_read_and_deleted(place, client, tmp_path) -> None:
    path = Path(tmp_path / "corn.jsonl")
    path.write_text('{"text": "one"}\n{"text": "two"}\n{"text": "three"}\n')
    file = client.files.create(file=path, purpose="fine-tune")
    assert (file.filename, file.bytes, file.status) == (
        "corn.jsonl",
        path.stat().st_size,
        "uploaded",
    )
    with place.scope():
        services.version_validate(selectors.version_for(file.id).id)
    done = client.files.wait_for_processing(file.id)
    assert done.status == "processed"
    assert done.model_extra["dataset_id"].startswith("ds-")
    assert client.files.content(file.id).read() == path.read_bytes()
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.retrieve(file.id)
    assert caught.value.code == "file_not_found"
    assert caught.value.request_id


def test_lists_go_on_to_the_last_page(client) -> None:
    made = {client.files.create(file=(f"{n}.txt", b"text"), purpose="batch").id for n in range(5)}
    assert {file.id for file in client.files.list(limit=2)} == made
    asc = [file.id for file in client.files.list(limit=2, order="asc")]
    assert asc == sorted(made)
    assert [file.id for file in client.files.list(purpose="evals")] == []


def test_a_lifetime_and_our_own_fields_arrive(client) -> None:
    first = client.files.create(
        file=("a.txt", b"text"),
        purpose="fine-tune",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert first.expires_at is not None
    second = client.files.create(
        file=("b.txt", b"more"),
        purpose="dataset",  # type: ignore[arg-type]
        extra_body={"dataset_id": first.model_extra["dataset_id"]},
    )
    assert second.model_extra["dataset_id"] == first.model_extra["dataset_id"]


def test_a_big_file_goes_in_parts(client, tmp_path) -> None:
    content = os.urandom(2_500_000)
    path = tmp_path / "big.bin"
    path.write_bytes(content)
    upload = client.uploads.upload_file_chunked(
        file=path,
        mime_type="application/octet-stream",
        purpose="user_data",
        part_size=1_000_000,
        md5=hashlib.md5(content).hexdigest(),
    )
    assert upload.status == "completed"
    assert upload.file is not None
    assert client.files.content(upload.file.id).read() == content


def test_errors_are_the_clients_own(client) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=("a.txt", b"text"), purpose="cooking")  # type: ignore[arg-type]
    assert caught.value.param == "purpose"
    upload = client.uploads.create(
        bytes=3, filename="a.txt", mime_type="text/plain", purpose="batch"
    )
    part = client.uploads.parts.create(upload.id, data=b"ab")
    with pytest.raises(openai.BadRequestError) as caught:
        client.uploads.complete(upload.id, part_ids=[part.id])
    assert caught.value.code == "size_mismatch"
    assert client.uploads.cancel(upload.id).status == "cancelled"
    stranger = client.with_options(api_key="mm_test_wrong")
    with pytest.raises(openai.AuthenticationError):
        stranger.files.list()
