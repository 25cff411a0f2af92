"""/v1/files, as a program meets it."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from modelmill.core.models import Blob
from modelmill.datasets.models import File


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def upload(place, content=b"One line.\n", name="corn.txt", purpose="fine-tune", **fields):
    body = {"file": SimpleUploadedFile(name, content, "text/plain"), "purpose": purpose, **fields}
    return place.api.post("/v1/files", body)


def test_it_creates_a_file(acme) -> None:
    answer = upload(acme)
    assert answer.status_code == 200
    file = answer.json()
    assert file["id"].startswith("file-")
    assert (file["object"], file["bytes"], file["filename"]) == ("file", 10, "corn.txt")
    assert (file["purpose"], file["status"]) == ("fine-tune", "uploaded")
    assert file["dataset_id"].startswith("ds-")
    with acme.scope():
        assert File.objects.get().created_by.startswith("API key tests")


def test_the_same_request_again_makes_a_second_file_of_the_same_bytes(acme) -> None:
    assert upload(acme).json()["id"] != upload(acme).json()["id"]
    with acme.scope():
        assert File.objects.count() == 2
        assert Blob.objects.get().refs == 2


def test_it_answers_the_content_as_a_download(acme) -> None:
    file = upload(acme, b"<script>alert(1)</script>", "x.html", "user_data").json()
    answer = acme.api.get(f"/v1/files/{file['id']}/content")
    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="x.html"'
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_it_lists_pages_in_both_orders(acme) -> None:
    ids = [upload(acme, name=f"{number}.txt").json()["id"] for number in range(3)]
    page = acme.api.get("/v1/files?limit=2").json()
    assert [file["id"] for file in page["data"]] == sorted(ids, reverse=True)[:2]
    assert page["has_more"] and page["last_id"] == page["data"][-1]["id"]
    rest = acme.api.get(f"/v1/files?limit=2&after={page['last_id']}").json()
    assert (len(rest["data"]), rest["has_more"]) == (1, False)
    up = acme.api.get("/v1/files?order=asc").json()
    assert [file["id"] for file in up["data"]] == sorted(ids)


def test_it_lists_one_purpose(acme) -> None:
    upload(acme)
    batch = upload(acme, purpose="batch").json()
    page = acme.api.get("/v1/files?purpose=batch").json()
    assert [file["id"] for file in page["data"]] == [batch["id"]]


def test_a_list_costs_the_same_however_long(acme, django_assert_max_num_queries) -> None:
    acme.api.get("/v1/files")
    for number in range(5):
        upload(acme, name=f"{number}.txt")
    with django_assert_max_num_queries(1):
        assert len(acme.api.get("/v1/files").json()["data"]) == 5


def test_it_deletes_a_file(acme) -> None:
    file = upload(acme).json()
    answer = acme.api.delete(f"/v1/files/{file['id']}")
    assert answer.json() == {"id": file["id"], "object": "file", "deleted": True}
    assert acme.api.delete(f"/v1/files/{file['id']}").status_code == 404
    with acme.scope():
        assert not Blob.objects.exists()


def test_it_keeps_a_file_only_as_long_as_asked(acme) -> None:
    file = upload(
        acme, **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    ).json()
    assert 3595 <= file["expires_at"] - file["created_at"] <= 3605


def test_it_adds_a_version_to_a_dataset(acme) -> None:
    first = upload(acme).json()
    second = upload(acme, b"More.", purpose="dataset", dataset_id=first["dataset_id"]).json()
    assert second["dataset_id"] == first["dataset_id"]
    assert second["dataset_version_id"] != first["dataset_version_id"]


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/content"])
def test_it_needs_a_key(acme, anonymous, path) -> None:
    file = upload(acme).json()
    answer = anonymous.get("/v1/files" + path.format(id=file["id"]))
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_it_refuses_an_upload_without_a_key(anonymous, db) -> None:
    assert anonymous.post("/v1/files", {"purpose": "batch"}).status_code == 401


def test_it_refuses_a_stranger(acme, globex) -> None:
    file = upload(acme).json()
    for method, path in (("get", ""), ("get", "/content"), ("delete", "")):
        answer = getattr(globex.api, method)(f"/v1/files/{file['id']}{path}")
        assert answer.status_code == 404
        missing = getattr(globex.api, method)(f"/v1/files/file-none{path}").json()
        assert answer.json()["error"]["code"] == missing["error"]["code"] == "file_not_found"
    assert globex.api.get("/v1/files").json()["data"] == []
    assert upload(globex, dataset_id=file["dataset_id"]).status_code == 404


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "fine-tune"}, "file"),
        ({"file": "text, not a file", "purpose": "fine-tune"}, "file"),
        ({"file": SimpleUploadedFile("a.txt", b"x")}, "purpose"),
        ({"file": SimpleUploadedFile("a.txt", b"x"), "purpose": "cooking"}, "purpose"),
        ({"file": SimpleUploadedFile("a.txt", b""), "purpose": "batch"}, "file"),
        (
            {
                "file": SimpleUploadedFile("a.txt", b"x"),
                "purpose": "batch",
                "expires_after[anchor]": "created_at",
                "expires_after[seconds]": "5",
            },
            "expires_after.seconds",
        ),
    ],
)
def test_it_says_what_is_wrong(acme, fields, param) -> None:
    answer = acme.api.post("/v1/files", fields)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"]


def test_a_body_that_is_no_form_is_refused(acme) -> None:
    json_body = acme.api.post_json("/v1/files", {"purpose": "batch"})
    assert json_body.status_code == 415
    assert json_body.json()["error"]["message"]
    broken = acme.api.post("/v1/files", b"--x\r\n", content_type="multipart/form-data")
    assert broken.status_code == 400
    assert broken.json()["error"]["code"] == "invalid_form"


def test_a_body_over_the_limit_is_refused_before_it_is_read(acme, settings) -> None:
    settings.FILE_MAX_BYTES = 1000
    answer = acme.api.post(
        "/v1/files", b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=5 << 20
    )
    assert answer.status_code == 413


def test_a_full_storage_is_told_once(acme, settings) -> None:
    settings.STORAGE_QUOTA_BYTES = 5
    answer = upload(acme)
    assert answer.status_code == 429
    assert answer["x-should-retry"] == "false"
    assert answer.json()["error"]["type"] == "insufficient_quota"


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "order=up", "after=%00"])
def test_a_bad_query_is_refused(acme, query) -> None:
    assert acme.api.get(f"/v1/files?{query}").status_code == 400


def test_a_viewer_reads_and_does_not_write(acme) -> None:
    from modelmill.tenants.services import api_key_create

    with acme.scope():
        _key, secret = api_key_create("reader", caller=acme.caller, scopes=["data:read"])
    reader = type(acme.api)(secret)
    file = upload(acme).json()
    assert reader.get(f"/v1/files/{file['id']}").status_code == 200
    assert reader.delete(f"/v1/files/{file['id']}").status_code == 403
    assert reader.post("/v1/files", {"purpose": "batch"}).status_code == 403


def test_the_dashboard_uploads_with_its_session_and_token_only(acme) -> None:
    browser = acme.browser()
    browser.handler.enforce_csrf_checks = True
    body = {"file": SimpleUploadedFile("a.txt", b"x"), "purpose": "dataset"}
    assert browser.post("/v1/files", body).status_code == 403
    browser.cookies["csrftoken"] = "a" * 32
    body = {"file": SimpleUploadedFile("a.txt", b"x"), "purpose": "dataset"}
    answer = browser.post("/v1/files", body, headers={"x-csrftoken": "a" * 32})
    assert answer.status_code == 200
    with acme.scope():
        assert File.objects.get().created_by == acme.owner.email


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b'{"bytes": NaN}', b"\xff\xfe", b"1"])
def test_a_body_that_is_no_json_is_refused(acme, body) -> None:
    answer = acme.api.post("/v1/uploads", body, content_type="application/json")
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"]["type"] == "invalid_request_error"
