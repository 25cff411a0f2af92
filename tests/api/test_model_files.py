"""GET /v1/models/{model}/files and /content: an organisation's own model, byte for byte."""

import hashlib
import io
import zipfile
from typing import Any

import pytest
from modelmill.catalog.services import manifest_publish
from modelmill.core.models import Blob
from modelmill.core.storage import BlobDamaged, blob_write
from modelmill.registry.downloads import zip_stream
from modelmill.registry.models import Model, ModelVersion
from modelmill.registry.selectors import version_files
from modelmill.registry.services import Lineage, alias_set, model_delete, version_publish
from modelmill.tenants.models import AuditEntry, Member
from modelmill.tenants.permissions import Role
from modelmill.tenants.services import api_key_create

from tests.conftest import ApiClient
from tests.making import fakes_publish, manifest_make

WEIGHTS, SIZE = "weights/model.safetensors", 256 * 20_000
FILES = {"config.json": b"{}", WEIGHTS: bytes(range(256)) * 20_000}


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "storage"


@pytest.fixture
def version(acme) -> ModelVersion:
    lineage = Lineage(
        release=manifest_publish(manifest_make()), job_id="ftjob-1", dataset_version_id="dsv-1"
    )
    with acme.scope():
        blobs = {path: blob_write([content]) for path, content in FILES.items()}
        return version_publish(blobs, lineage=lineage, suffix="ours")


def _unzipped(answer: Any) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_files_are_listed_and_downloaded_as_they_are(acme, version) -> None:
    listed = acme.api.get(f"/v1/models/{version.name}/files").json()["data"]
    assert {row["path"]: row["bytes"] for row in listed} == {
        path: len(content) for path, content in FILES.items()
    }
    for row in listed:
        answer = acme.api.get(f"/v1/models/{version.name}/files/{row['path']}")
        content = b"".join(answer.streaming_content)
        assert content == FILES[row["path"]]
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        assert answer["Content-Disposition"].startswith("attachment")


def test_the_whole_model_is_one_zip_by_every_name(acme, version) -> None:
    with acme.scope():
        alias_set(version, name="prod", caller=acme.caller)
    for name in (version.name, version.id, "ours@prod"):
        answer = acme.api.get(f"/v1/models/{name}/content")
        assert 'filename="ours-v1.zip"' in answer["Content-Disposition"]
        assert _unzipped(answer) == FILES


@pytest.mark.parametrize(
    ("suffix", "said"),
    [
        ("头像", "attachment; filename*=utf-8''%E5%A4%B4%E5%83%8F-v1.zip"),
        ("a/b\\c\"d'\r\ne", 'attachment; filename="a-b-c-d-e-v1.zip"'),
    ],
)
def test_a_zip_has_the_models_name_in_any_script_at_both_doors(acme, version, suffix, said) -> None:
    with acme.scope():
        Model.objects.filter(pk=version.model_id).update(name=suffix)
    for answer in (
        acme.api.get(f"/v1/models/{version.id}/content"),
        acme.browser().get(f"/models/{version.id}/content"),
    ):
        assert answer["Content-Disposition"] == said


def test_who_took_a_model_home_is_in_the_audit_log_and_who_only_asked_is_not(acme, version) -> None:
    api, page = f"/v1/models/{version.name}", f"/models/{version.id}"
    browser = acme.browser(acme.mate)
    for client, path in ((acme.api, api), (browser, page)):
        for what in ("content", "files/config.json"):
            assert client.head(f"{path}/{what}").status_code == 200
            assert client.get(f"{path}/{what}").status_code == 200
        assert client.get(f"{path}/files/nothing").status_code == 404
        beyond = client.get(f"{path}/files/config.json", headers={"range": "bytes=99999999-"})
        assert beyond.status_code == 416
    acme.api.get(f"{api}/files")
    with acme.scope():
        entries = AuditEntry.objects.filter(action="model.downloaded").order_by("at", "pk")
        written = [(entry.object_id, entry.detail) for entry in entries]
        actors = {entry.actor for entry in entries}
    assert written == [(version.id, {}), (version.id, {"file": "config.json"})] * 2
    assert len(actors) == 2
    assert "Model downloaded" in acme.browser().get("/audit").content.decode()


def test_a_stranger_finds_no_model_and_no_file(acme, globex, version) -> None:
    for path in ("files", "content", "files/config.json"):
        answer = globex.api.get(f"/v1/models/{version.name}/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    pages = ("content", "files/config.json")
    for page in pages:
        assert globex.browser().get(f"/models/{version.id}/{page}").status_code == 404
        assert acme.browser(acme.mate).get(f"/models/{version.id}/{page}").status_code == 200


def test_who_may_use_and_read_a_model_may_not_take_it_for_that(acme, version) -> None:
    with acme.scope():
        scopes = ["infer", "models:read", "models:write"]
        _key, secret = api_key_create("app", caller=acme.caller, scopes=scopes)
    app, path = ApiClient(secret), f"/v1/models/{version.name}"
    assert app.get(f"{path}/files").status_code == 200
    for what in ("content", "files/config.json"):
        assert app.get(f"{path}/{what}").status_code == 403


def test_a_viewers_page_has_no_links_to_take_a_model(acme, version) -> None:
    page = f"/models/{version.id}"
    assert f"{page}/content" in acme.browser().get(page).content.decode()
    with acme.scope():
        Member.objects.filter(user=acme.mate).update(role=Role.VIEWER)
    viewer = acme.browser(acme.mate)
    assert f"{page}/content" not in viewer.get(page).content.decode()
    assert viewer.get(f"{page}/content").status_code == 403


@pytest.mark.parametrize(
    ("asked", "status", "first", "end"),
    [
        ("bytes=0-3", 206, 0, 4),
        ("bytes=1048570-", 206, 1_048_570, SIZE),
        ("bytes=-2", 206, SIZE - 2, SIZE),
        (f"bytes=-{SIZE + 1}", 206, 0, SIZE),
        (f"bytes={SIZE - 1}-{SIZE + 9}", 206, SIZE - 1, SIZE),
        (f"bytes={SIZE}-", 416, 0, 0),
        (f"bytes={SIZE + 1}-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=3-1", 200, 0, SIZE),
        ("bytes=0-1,3-4", 200, 0, SIZE),
        ("bytes=-", 200, 0, SIZE),
        ("lines=0-1", 200, 0, SIZE),
    ],
)
def test_a_download_that_broke_off_goes_on(acme, version, asked, status, first, end) -> None:
    for client, path in (
        (acme.api, f"/v1/models/{version.name}/files/{WEIGHTS}"),
        (acme.browser(), f"/models/{version.id}/files/{WEIGHTS}"),
    ):
        answer = client.get(path, headers={"range": asked})
        places = {206: f"bytes {first}-{end - 1}/{SIZE}", 416: f"bytes */{SIZE}"}
        assert (answer.status_code, answer.get("Content-Range")) == (status, places.get(status))
        content = b"".join(answer.streaming_content if answer.streaming else [answer.content])
        assert content == FILES[WEIGHTS][first:end]
        assert answer["Accept-Ranges"] == "bytes"
        if status < 300:
            assert answer["Content-Length"] == str(len(content))


def test_a_range_of_a_file_that_changed_meanwhile_is_the_whole(acme, version) -> None:
    path = f"/v1/models/{version.name}/files/{WEIGHTS}"
    etag = acme.api.get(path)["ETag"]
    same = {"range": "bytes=4-", "if-range": etag}
    assert acme.api.get(path, headers=same).status_code == 206
    assert acme.api.get(path, headers=same | {"if-range": '"other"'}).status_code == 200


def test_a_file_that_is_none_of_the_models_is_not_found(acme, version) -> None:
    for path in ("nothing", "../config.json", "weights"):
        assert acme.api.get(f"/v1/models/{version.name}/files/{path}").status_code == 404


def test_a_deleted_model_is_gone(acme, version) -> None:
    with acme.scope():
        model_delete(version, caller=acme.caller)
    assert acme.api.get(f"/v1/models/{version.name}/content").status_code == 404


def test_the_operator_may_keep_models_in(acme, version, settings) -> None:
    page = acme.browser().get(f"/models/{version.id}").content.decode()
    assert f"/models/{version.id}/content" in page
    settings.MODEL_DOWNLOADS = False
    answer = acme.api.get(f"/v1/models/{version.name}/content")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_downloads_off")
    page = acme.browser().get(f"/models/{version.id}").content.decode()
    assert "config.json" in page and f"/models/{version.id}/content" not in page


def test_what_the_operator_installed_is_not_taken_home(acme) -> None:
    fakes_publish()
    acme.api.get("/v1/models")
    answer = acme.api.get("/v1/models/fake-embedder/content")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "model_installed")


def test_a_zip_of_damaged_bytes_does_not_end_well(acme, version) -> None:
    with acme.scope():
        Blob.objects.filter(size_bytes=2).update(sha256="0" * 64)
        files = list(version_files(version))
    with pytest.raises(BlobDamaged):
        list(zip_stream(files))


def test_a_zip_holds_a_piece_at_a_time(acme, version) -> None:
    with acme.scope():
        files = list(version_files(version))
    assert max(map(len, zip_stream(files))) < (1 << 20) + 4096
