"""/v1/uploads, as a program meets it."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from modelmill.core.models import Blob
from modelmill.datasets import services
from modelmill.datasets.models import File, Upload, UploadPart
from modelmill.datasets.services import uploads


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def begin(place, size=6, **changes):
    body = {"bytes": size, "filename": "big.txt", "mime_type": "text/plain", "purpose": "fine-tune"}
    return place.api.post_json("/v1/uploads", {**body, **changes})


def send(place, upload_id, content):
    data = SimpleUploadedFile("upload", content, "application/octet-stream")
    return place.api.post(f"/v1/uploads/{upload_id}/parts", {"data": data})


def finish(place, upload_id, part_ids, **more):
    return place.api.post_json(f"/v1/uploads/{upload_id}/complete", {"part_ids": part_ids, **more})


def test_parts_become_a_file_in_the_order_named(acme) -> None:
    upload = begin(acme).json()
    assert (upload["object"], upload["status"], upload["file"]) == ("upload", "pending", None)
    assert upload["id"].startswith("upload_")
    second = send(acme, upload["id"], b"def").json()
    first = send(acme, upload["id"], b"abc").json()
    assert (first["object"], first["upload_id"]) == ("upload.part", upload["id"])
    md5 = hashlib.md5(b"abcdef").hexdigest()
    done = finish(acme, upload["id"], [first["id"], second["id"]], md5=md5).json()
    assert done["status"] == "completed"
    assert (done["file"]["bytes"], done["file"]["filename"]) == (6, "big.txt")
    content = acme.api.get(f"/v1/files/{done['file']['id']}/content")
    assert b"".join(content.streaming_content) == b"abcdef"
    with acme.scope():
        assert not UploadPart.objects.exists()
        assert Blob.objects.count() == 1


def test_completing_again_answers_the_same_file(acme) -> None:
    upload = begin(acme).json()
    part = send(acme, upload["id"], b"abcdef").json()
    first = finish(acme, upload["id"], [part["id"]]).json()
    assert finish(acme, upload["id"], [part["id"]]).json() == first
    with acme.scope():
        assert File.objects.count() == 1


def test_a_part_sent_twice_does_no_harm(acme) -> None:
    upload = begin(acme).json()
    send(acme, upload["id"], b"abcdef")
    again = send(acme, upload["id"], b"abcdef").json()
    assert finish(acme, upload["id"], [again["id"]]).json()["status"] == "completed"


def test_an_interrupted_upload_can_be_resumed(acme) -> None:
    upload = begin(acme).json()
    part = send(acme, upload["id"], b"abc").json()
    found = acme.api.get(f"/v1/uploads/{upload['id']}").json()
    assert found["status"] == "pending"
    assert found["parts"] == [part]


@pytest.mark.parametrize(
    ("contents", "more", "code"),
    [
        ([b"abc"], {}, "size_mismatch"),
        ([b"abcdef"], {"md5": "0" * 32}, "checksum_mismatch"),
        ([b"abcdef"], {"part_ids": ["part_none"]}, "invalid_value"),
        ([b"abcdef"], {"part_ids": []}, "empty_array"),
        ([b"abcdef"], {"part_ids": "all"}, "invalid_type"),
    ],
)
def test_it_refuses_parts_that_are_not_what_was_announced(acme, contents, more, code) -> None:
    upload = begin(acme).json()
    ids = [send(acme, upload["id"], content).json()["id"] for content in contents]
    answer = acme.api.post_json(f"/v1/uploads/{upload['id']}/complete", {"part_ids": ids, **more})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code
    with acme.scope():
        assert not File.objects.exists()
        assert Upload.objects.get().status == "pending"
        assert Blob.objects.count() == 1


def test_one_part_named_twice_is_refused(acme) -> None:
    upload = begin(acme).json()
    part = send(acme, upload["id"], b"abc").json()
    assert finish(acme, upload["id"], [part["id"], part["id"]]).status_code == 400


def test_it_can_be_cancelled_twice_and_then_takes_nothing(acme) -> None:
    upload = begin(acme).json()
    send(acme, upload["id"], b"abc")
    for _time in range(2):
        answer = acme.api.post(f"/v1/uploads/{upload['id']}/cancel")
        assert answer.json()["status"] == "cancelled"
    late = send(acme, upload["id"], b"def")
    assert late.status_code == 400
    assert late.json()["error"]["code"] == "upload_not_pending"
    with acme.scope():
        assert not Blob.objects.exists()


def test_an_upload_nobody_finishes_expires(acme) -> None:
    upload = begin(acme).json()
    send(acme, upload["id"], b"abc")
    with acme.scope():
        Upload.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert services.uploads_sweep() == 1
    assert acme.api.get(f"/v1/uploads/{upload['id']}").json()["status"] == "expired"
    assert send(acme, upload["id"], b"def").status_code == 400
    with acme.scope():
        assert not Blob.objects.exists()


def test_more_parts_than_announced_are_refused(acme) -> None:
    upload = begin(acme, size=2).json()
    assert send(acme, upload["id"], b"abcde").status_code == 400


def test_a_part_that_is_too_big_is_refused_before_it_is_read(acme) -> None:
    upload = begin(acme).json()
    answer = acme.api.post(
        f"/v1/uploads/{upload['id']}/parts",
        b"",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=100 << 20,
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"size": 0}, "bytes"),
        ({"size": "many"}, "bytes"),
        ({"filename": ""}, "filename"),
        ({"purpose": "cooking"}, "purpose"),
        ({"expires_after": {"anchor": "then", "seconds": 3600}}, "expires_after.anchor"),
        ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after.seconds"),
    ],
)
def test_it_validates_the_announcement(acme, changes, param) -> None:
    answer = begin(acme, **changes)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_it_refuses_more_than_a_file_may_have(acme) -> None:
    assert begin(acme, size=1 << 50).status_code == 413


def test_a_lifetime_counts_from_the_file(acme) -> None:
    upload = begin(acme, expires_after={"anchor": "created_at", "seconds": 3600}).json()
    part = send(acme, upload["id"], b"abcdef").json()
    file = finish(acme, upload["id"], [part["id"]]).json()["file"]
    assert 3595 <= file["expires_at"] - file["created_at"] <= 3605


def test_it_needs_a_key_and_refuses_a_stranger(acme, globex, anonymous) -> None:
    upload = begin(acme).json()
    base = f"/v1/uploads/{upload['id']}"
    for method, path, body in (
        ("get", base, None),
        ("post", f"{base}/parts", {"data": SimpleUploadedFile("upload", b"abc")}),
        ("post", f"{base}/cancel", {}),
    ):
        assert getattr(anonymous, method)(path, body).status_code == 401
        assert getattr(globex.api, method)(path, body).status_code == 404
    assert anonymous.post_json("/v1/uploads", {}).status_code == 401
    assert anonymous.post_json(f"{base}/complete", {"part_ids": ["x"]}).status_code == 401
    assert globex.api.post_json(f"{base}/complete", {"part_ids": ["x"]}).status_code == 404


def test_two_windows_that_complete_it_at_once_get_the_same_file(acme, monkeypatch) -> None:
    upload = begin(acme).json()
    part = send(acme, upload["id"], b"abcdef").json()
    joined, others = uploads._joined, []

    def meanwhile(parts, digest):
        monkeypatch.setattr(uploads, "_joined", joined)
        others.append(finish(acme, upload["id"], [part["id"]]).json())
        return joined(parts, digest)

    monkeypatch.setattr(uploads, "_joined", meanwhile)
    assert finish(acme, upload["id"], [part["id"]]).json() == others[0]
    with acme.scope():
        assert File.objects.count() == 1


def test_completing_what_was_given_up_meanwhile_is_a_conflict(acme, monkeypatch) -> None:
    upload = begin(acme).json()
    part = send(acme, upload["id"], b"abcdef").json()

    def gone(parts, digest):
        acme.api.post(f"/v1/uploads/{upload['id']}/cancel")
        raise FileNotFoundError

    monkeypatch.setattr(uploads, "_joined", gone)
    refused = finish(acme, upload["id"], [part["id"]])
    assert refused.json()["error"]["code"] == "upload_not_pending"
