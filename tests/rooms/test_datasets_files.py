"""Files: stored once, checked for size and quota, and made a dataset if meant so."""

import io
import json

import pytest
from django.core.files.storage import default_storage
from modelmill.core.errors import InvalidRequest, NotFound, PayloadTooLarge, QuotaExceeded
from modelmill.core.models import Blob, OutboxMessage
from modelmill.datasets import selectors, services
from modelmill.datasets.models import Dataset, DatasetVersion, File


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def file_make(place, content=b"a line\n", *, filename="corn.txt", purpose="fine-tune", **more):
    return services.file_create(
        io.BytesIO(content), filename=filename, purpose=purpose, caller=place.caller, **more
    )


def test_a_training_file_becomes_a_dataset_and_a_worker_is_told(acme) -> None:
    with acme.scope():
        file = file_make(acme, filename="shakespeare.txt.gz")
        version = selectors.version_for(file.id)
        assert (version.number, version.state) == (1, "validating")
        assert version.dataset.name == "shakespeare"
        assert version.source_sha256 == file.blob.sha256
    message = OutboxMessage.objects.get()
    assert message.topic == "workers.tasks.datasets.validate"
    assert message.payload == {"tenant_id": acme.tenant.id, "version_id": version.id}


def test_another_purpose_makes_no_dataset(acme) -> None:
    with acme.scope():
        file = file_make(acme, purpose="batch", filename="requests.jsonl")
        assert file.status == "processed"
        assert not Dataset.objects.exists()
    assert not OutboxMessage.objects.exists()


def test_a_file_may_join_a_dataset_as_its_next_version(acme) -> None:
    with acme.scope():
        first = selectors.version_for(file_make(acme).id)
        second = selectors.version_for(
            file_make(acme, b"more\n", purpose="dataset", dataset_id=first.dataset_id).id
        )
        assert (second.dataset_id, second.number) == (first.dataset_id, 2)
        assert selectors.access_dataset(first.dataset_id).newest == second


def test_a_strangers_dataset_cannot_be_joined(acme, globex) -> None:
    with acme.scope():
        dataset_id = selectors.version_for(file_make(acme).id).dataset_id
    with globex.scope():
        with pytest.raises(NotFound):
            file_make(globex, dataset_id=dataset_id, purpose="dataset")
        assert not File.objects.exists()
        assert not Blob.objects.exists()


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"content": b""}, "file"),
        ({"purpose": "cooking"}, "purpose"),
        ({"purpose": "batch_output"}, "purpose"),
        ({"filename": "../.."}, "file"),
        ({"filename": ""}, "file"),
    ],
)
def test_it_refuses_what_is_wrong_and_keeps_nothing(acme, change, param) -> None:
    with acme.scope():
        with pytest.raises(InvalidRequest) as caught:
            file_make(acme, **change)
        assert caught.value.param == param
        assert not File.objects.exists()
        assert not Blob.objects.exists()


def test_it_refuses_more_than_a_file_may_have(acme, settings) -> None:
    settings.FILE_MAX_BYTES = 10
    with acme.scope(), pytest.raises(PayloadTooLarge):
        file_make(acme, b"12345678901")


def test_it_refuses_more_than_the_quota(acme, settings) -> None:
    settings.STORAGE_QUOTA_BYTES = 10
    with acme.scope():
        file_make(acme, b"1234567", purpose="batch")
        with pytest.raises(QuotaExceeded):
            file_make(acme, b"abcd", purpose="batch")
        assert selectors.storage_used_bytes() == 7


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\data\\faces.zip", "faces.zip"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\n.txt", "ab.txt"),
        ("x" * 300 + ".jsonl", "x" * 249 + ".jsonl"),
        ("人脸.zip", "人脸.zip"),
    ],
)
def test_a_name_is_only_a_name(acme, given, kept) -> None:
    with acme.scope():
        assert file_make(acme, filename=given).filename == kept


def test_deleting_a_file_takes_its_bytes_and_its_unused_dataset(
    acme, django_capture_on_commit_callbacks
) -> None:
    with acme.scope():
        file = file_make(acme)
        path = file.blob.path
        with django_capture_on_commit_callbacks(execute=True):
            services.file_delete(file, caller=acme.caller)
        assert file.id.startswith("file-")
        assert not default_storage.exists(path)
        assert not Blob.objects.exists()
        assert not Dataset.objects.exists()


def test_files_whose_time_is_over_are_deleted(acme) -> None:
    with acme.scope():
        old = file_make(acme, expires_at="2020-01-01T00:00:00Z")
        new = file_make(acme, expires_at="2120-01-01T00:00:00Z")
    assert services.files_sweep() == 1
    with acme.scope():
        assert list(File.objects.all()) == [new]
        assert not DatasetVersion.objects.filter(source_file_id=old.id).exists()


def test_a_version_that_is_not_ready_cannot_be_fetched(acme, tmp_path) -> None:
    from modelmill.core.errors import Conflict

    with acme.scope(), pytest.raises(Conflict):
        services.version_fetch(selectors.version_for(file_make(acme).id), tmp_path)


def test_a_ready_version_is_written_for_a_plugin(acme, tmp_path) -> None:
    from modelmill.core.storage import blob_write
    from modelmill.datasets.models import DatasetShard

    with acme.scope():
        version = selectors.version_for(file_make(acme).id)
        blob = blob_write([b"shard"])
        DatasetShard.objects.create(
            tenant=acme.tenant, version=version, split="train", number=0, blob=blob,
            sha256=blob.sha256, row_count=3, size_bytes=5,
        )  # fmt: skip
        DatasetVersion.objects.filter(pk=version.pk).update(
            state="ready", kind="text", row_count=3, sha256="0" * 64, splits={"train": 3}
        )
        folder = services.version_fetch(selectors.access_version(version.id), tmp_path / "data")
    description = json.loads((folder / "dataset.json").read_text())
    assert description["kind"] == "text"
    assert description["splits"]["train"] == {"rows": 3, "files": ["train-00000.parquet"]}
    assert description["splits"]["test"] == {"rows": 0, "files": []}
    assert (folder / "train-00000.parquet").read_bytes() == b"shard"


def test_a_version_that_a_row_above_protects_stays(acme, monkeypatch) -> None:
    from django.db.models import ProtectedError
    from modelmill.core.errors import Conflict
    from modelmill.core.owned import TenantQuerySet

    real = TenantQuerySet.delete

    def protects(rows):
        if rows.model is DatasetVersion:
            raise ProtectedError("linked", set())
        return real(rows)

    with acme.scope():
        file = file_make(acme)
        version = selectors.version_for(file.id)
        monkeypatch.setattr(TenantQuerySet, "delete", protects)
        with pytest.raises(Conflict):
            services.dataset_delete(version.dataset, caller=acme.caller)
        services.file_delete(file, caller=acme.caller)
        kept = selectors.access_version(version.id)
        assert (kept.source_file, kept.source_name) == (None, "corn.txt")
        assert not Blob.objects.exists()
