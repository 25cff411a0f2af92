"""The check of a version: whole or not at all, once, and safe to be killed."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from modelmill.core.models import Blob
from modelmill.datasets import selectors, services
from modelmill.datasets.models import (
    DatasetProblem,
    DatasetShard,
    DatasetThumbnail,
    DatasetVersion,
    File,
)
from modelmill.datasets.services import validation
from modelmill.datasets.services.child import IntakeKilled
from PIL import Image

from workers.tasks import datasets as tasks


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def pictures_zip(count: int = 12, *, broken: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(count):
            picture = io.BytesIO()
            Image.new("RGB", (8, 8), (number * 9, 5, 200)).save(picture, "PNG")
            archive.writestr(f"faces/{number}.png", picture.getvalue())
        for number in range(broken):
            archive.writestr(f"faces/broken{number}.png", picture.getvalue()[:50])
    return out.getvalue()


def version_make(place, content: bytes, filename: str) -> DatasetVersion:
    file = services.file_create(
        io.BytesIO(content), filename=filename, purpose="fine-tune", caller=place.caller
    )
    return selectors.version_for(file.id)


def test_a_zip_of_pictures_becomes_a_ready_version(acme, tmp_path) -> None:
    with acme.scope():
        version = version_make(acme, pictures_zip(broken=1), "faces.zip")
    assert tasks.validate(acme.tenant.id, version.id) == "ready"
    with acme.scope():
        version.refresh_from_db()
        assert (version.kind, version.row_count) == ("images", 12)
        assert version.splits == {"train": 10, "validation": 1, "test": 1}
        assert version.problem_count == 1
        problem = selectors.problem_list(version).get()
        assert problem.file == "faces/broken0.png"
        assert problem.reason == "This picture is broken or cut off."
        assert selectors.thumbnail_list(version).count() == 12
        assert File.objects.get().status == "processed"
        folder = services.version_fetch(version, tmp_path / "data")
    described = json.loads((folder / "dataset.json").read_text())
    assert described["splits"]["train"]["rows"] == 10


def test_a_plugin_opens_what_was_fetched(acme, tmp_path) -> None:
    from modelmill_sdk.data import TrainData

    with acme.scope():
        version = version_make(acme, pictures_zip(), "faces.zip")
        services.version_validate(version.id)
        folder = services.version_fetch(selectors.access_version(version.id), tmp_path / "data")
    data = TrainData(folder, cache_dir=tmp_path / "cache")
    assert set(data) == {"train", "validation", "test"}
    assert data["train"][0]["image"].size == (8, 8)


def test_a_second_check_changes_nothing(acme) -> None:
    with acme.scope():
        version = version_make(acme, pictures_zip(), "faces.zip")
        services.version_validate(version.id)
        before = list(DatasetVersion.objects.values()), list(Blob.objects.values())
        services.version_validate(version.id)
        assert (list(DatasetVersion.objects.values()), list(Blob.objects.values())) == before


def test_a_bad_file_fails_with_a_sentence_and_keeps_nothing(acme) -> None:
    with acme.scope():
        version = version_make(acme, b"PK\x03\x04 not a zip at all", "faces.zip")
        assert tasks.validate(acme.tenant.id, version.id) == "failed"
        version.refresh_from_db()
        assert version.error_code == "broken_archive"
        file = File.objects.get()
        assert (file.status, file.status_details) == ("error", version.error_message)
        assert not DatasetShard.objects.exists()
        assert Blob.objects.count() == 1


def test_a_check_killed_after_storing_a_part_is_done_again_to_the_same_end(
    acme, monkeypatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(version, thumbnail, *, number, folder):
        raise Killed

    with acme.scope():
        version = version_make(acme, pictures_zip(), "faces.zip")
        with monkeypatch.context() as patch:
            patch.setattr("modelmill.datasets.services.results._thumbnail_store", dies)
            with pytest.raises(Killed):
                services.version_validate(version.id)
        version.refresh_from_db()
        assert (version.state, version.row_count) == ("validating", 0)
        assert services.version_validate(version.id).state == "validating", "the lease still runs"
        DatasetVersion.objects.update(leased_until="2020-01-01T00:00:00Z")
        assert services.version_validate(version.id).state == "ready"
        assert DatasetShard.objects.count() == 3
        assert DatasetThumbnail.objects.count() == 12
        assert set(Blob.objects.values_list("refs", flat=True)) == {1}
        first = DatasetVersion.objects.get().sha256
        again = version_make(acme, pictures_zip(), "faces.zip")
        assert services.version_validate(again.id).sha256 == first


def test_a_killed_child_is_tried_again_but_not_for_ever(acme, monkeypatch, settings) -> None:
    def killed(*args, **kwargs):
        raise IntakeKilled

    monkeypatch.setattr(validation, "intake_run", killed)
    settings.MAX_ATTEMPTS = 2
    with acme.scope():
        version = version_make(acme, b"text\n", "a.txt")
        assert services.version_validate(version.id).state == "validating"
        assert services.version_validate(version.id).state == "validating"
        last = services.version_validate(version.id)
        assert (last.state, last.error_code) == ("failed", "check_failed")


def test_a_version_left_behind_is_rung_for_again(acme, monkeypatch) -> None:
    rung = []
    monkeypatch.setattr(validation, "ring", lambda task, payload: rung.append(payload) or True)
    with acme.scope():
        version = version_make(acme, b"text\n", "a.txt")
        DatasetVersion.objects.update(created_at="2020-01-01T00:00:00Z")
    assert services.versions_sweep() == 1
    assert rung == [{"tenant_id": acme.tenant.id, "version_id": version.id}]
    with acme.scope():
        DatasetVersion.objects.update(leased_until="2120-01-01T00:00:00Z")
    assert services.versions_sweep() == 0


def test_a_file_deleted_while_it_waits_leaves_nothing(acme) -> None:
    with acme.scope():
        version = version_make(acme, b"text\n", "a.txt")
        services.file_delete(File.objects.get(), caller=acme.caller)
        assert services.version_validate(version.id) is None
        assert not Blob.objects.exists()


def test_a_file_deleted_while_it_is_checked_leaves_nothing(acme, monkeypatch) -> None:
    real = validation.intake_run

    def deletes_first(*args, **kwargs):
        result = real(*args, **kwargs)
        services.file_delete(File.objects.get(), caller=acme.caller)
        return result

    monkeypatch.setattr(validation, "intake_run", deletes_first)
    with acme.scope():
        version = version_make(acme, pictures_zip(), "faces.zip")
        assert services.version_validate(version.id) is None
        assert not Blob.objects.exists()
        assert not DatasetProblem.objects.exists()


def test_a_child_that_takes_too_long_is_ended(acme, settings) -> None:
    settings.INTAKE_MAX_S = 0
    with acme.scope():
        version = version_make(acme, b"text\n", "a.txt")
        assert services.version_validate(version.id).error_code == "took_too_long"


def test_a_child_without_memory_refuses_the_file(acme, settings) -> None:
    settings.INTAKE_MEMORY_BYTES = 64 << 20
    with acme.scope():
        version = version_make(acme, b"text\n", "a.txt")
        assert services.version_validate(version.id).error_code == "unreadable"


def test_the_child_gets_no_secret(acme, monkeypatch, tmp_path) -> None:
    from modelmill.datasets.services.child import _environment

    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:s3cret@h/d")
    assert "s3cret" not in json.dumps(_environment())


def test_progress_is_told(acme, monkeypatch, tmp_path) -> None:
    from modelmill.datasets.services import child

    monkeypatch.setattr(child, "_REPORT_EVERY_S", 0.0)
    source = Path(tmp_path / "t.jsonl")
    source.write_text("".join(f'{{"text": "{number}"}}\n' for number in range(3000)))
    told: list[int] = []
    result = child.intake_run(
        source, name="t.jsonl", folder=tmp_path / "o", on_progress=told.append
    )
    assert result["rows_seen"] == 3000
    assert told and told == sorted(told)


def test_a_refusal_is_read_in_ones_own_language(acme) -> None:
    from django.utils import translation

    with acme.scope():
        version = version_make(acme, b"\xff\xff\n", "a.txt")
        failed = services.version_validate(version.id)
    assert failed.error_text == failed.error_message
    with translation.override("zh-hans"):
        assert failed.error_text == "文件中没有一行可用。第一个问题：" + translation.gettext(
            "This text is not UTF-8."
        )
        assert "UTF-8" in failed.error_text and "This" not in failed.error_text
