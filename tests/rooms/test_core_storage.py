"""Stored bytes and the outbox."""

import io
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from modelmill.core.models import Blob, OutboxMessage
from modelmill.core.outbox import outbox_add, outbox_relay
from modelmill.core.storage import blob_fetch, blob_open, blob_release, blob_write


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def test_the_same_bytes_are_stored_once(acme) -> None:
    with acme.scope():
        first = blob_write(io.BytesIO(b"corn"))
        second = blob_write([b"co", b"rn"])
        assert first.pk == second.pk
        assert Blob.objects.get().refs == 2
        assert blob_open(first).read() == b"corn"


def test_two_tenants_never_share_bytes(acme, globex) -> None:
    with acme.scope():
        mine = blob_write(io.BytesIO(b"corn"))
    with globex.scope():
        theirs = blob_write(io.BytesIO(b"corn"))
    assert mine.path != theirs.path
    assert acme.tenant.id in mine.path


def test_the_last_reference_deletes_the_bytes(acme, django_capture_on_commit_callbacks) -> None:
    with acme.scope():
        blob = blob_write(io.BytesIO(b"corn"))
        blob_write(io.BytesIO(b"corn"))
        with django_capture_on_commit_callbacks(execute=True):
            blob_release(blob)
        assert default_storage.exists(blob.path)
        with django_capture_on_commit_callbacks(execute=True):
            blob_release(blob)
        assert not default_storage.exists(blob.path)
        assert not Blob.objects.exists()


def test_it_writes_a_local_copy(acme, tmp_path) -> None:
    with acme.scope():
        blob = blob_write(io.BytesIO(b"corn"))
        path = blob_fetch(blob, Path(tmp_path) / "deep" / "copy")
    assert path.read_bytes() == b"corn"


def test_a_message_is_written_once_per_key(db) -> None:
    outbox_add("some.task", key="k", payload={"id": 1})
    outbox_add("some.task", key="k", payload={"id": 2})
    assert OutboxMessage.objects.get().payload == {"id": 1}


def test_a_message_waits_while_the_broker_is_away(db) -> None:
    outbox_add("some.task", key="k", payload={})
    OutboxMessage.objects.update(available_at="2020-01-01T00:00:00Z")
    assert outbox_relay() == 0
    row = OutboxMessage.objects.get()
    assert (row.sent_at, row.tries) == (None, 1)


def test_a_message_leaves_when_the_broker_is_there(db, redis_url) -> None:
    outbox_add("some.task", key="k", payload={})
    OutboxMessage.objects.update(available_at="2020-01-01T00:00:00Z")
    assert outbox_relay() == 1
    assert OutboxMessage.objects.get().sent_at is not None
    assert outbox_relay() == 0


def test_a_rolled_back_fact_sends_nothing(db) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        outbox_add("some.task", key="k", payload={})
        raise RuntimeError
    assert not OutboxMessage.objects.exists()
