"""Stored bytes that nobody refers to are cleared away, and no others."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from modelmill.core.models import Blob
from modelmill.core.orphans import orphans_sweep
from modelmill.core.storage import BlobDamaged, blob_fetch, blob_hold, blob_write
from modelmill.inference.models import Prediction
from modelmill.inference.services import Ask, prediction_create

from tests.making import grain_make
from tests.serving import model_made

# Whatever the resolution of the database's clock: all that exists by now.
NOW = timedelta(minutes=-1)


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    return django_capture_on_commit_callbacks


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def _files() -> int:
    return sum(1 for path in Path(default_storage.location).rglob("*") if path.is_file())


def test_bytes_without_a_row_that_names_them_go_after_a_day(acme, commits) -> None:
    with acme.scope():
        blob_write([b"left behind"])
    assert orphans_sweep() == 0
    with commits(execute=True):
        assert orphans_sweep(grace=NOW)
    assert _files() == 0
    with acme.scope():
        assert not Blob.objects.exists()


def test_a_file_without_a_row_goes_too(acme) -> None:
    with acme.scope():
        blob_write([b"left behind"])
        Blob.objects.all().delete()
    assert orphans_sweep(grace=NOW) == 1
    assert _files() == 0


def test_what_rows_refer_to_stays_and_a_count_too_high_is_lowered(acme) -> None:
    version = grain_make(acme)
    with acme.scope():
        source = version.source_file.blob
        refs = source.refs
        blob_hold(source)
        count = _files()
        assert orphans_sweep(grace=NOW) == 1
        source.refresh_from_db()
        assert (source.refs, _files()) == (refs, count)
    assert orphans_sweep(grace=NOW) == 0


def test_a_predictions_outputs_are_held_by_their_list(acme) -> None:
    version = model_made(acme, "fake-speaker")
    with acme.scope():
        asked = Ask(model=version.name, inputs=[{"prompt": "word"}])
        prediction = prediction_create(asked, caller=acme.caller)
        blob = blob_hold(blob_write([b"a picture"]))
        outputs = [{"kind": "file", "blob_id": blob.id}] * 2
        Prediction.objects.filter(pk=prediction.pk).update(outputs=outputs)
        assert orphans_sweep(grace=NOW) == 0
        blob.refresh_from_db()
        assert blob.refs == 2


def test_somebody_who_takes_hold_meanwhile_keeps_the_bytes(acme, monkeypatch) -> None:
    from modelmill.core import orphans

    with acme.scope():
        blob = blob_write([b"wanted after all"])
        monkeypatch.setattr(orphans, "_users", [lambda ids: blob_hold(blob) and orphans.Counter()])
        assert orphans_sweep(grace=NOW) == 0
        assert Blob.objects.get().refs == 2


def test_damaged_bytes_are_never_taken_for_the_stored_ones(acme, tmp_path) -> None:
    with acme.scope():
        blob = blob_write([b"weights"])
        Path(default_storage.path(blob.path)).write_bytes(b"weighty")
        with pytest.raises(BlobDamaged):
            blob_fetch(blob, tmp_path / "copy")
        default_storage.delete(blob.path)
        with pytest.raises(BlobDamaged):
            blob_fetch(blob, tmp_path / "copy")
