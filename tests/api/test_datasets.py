"""/v1/datasets, as a program meets it."""

import io
import json

import pytest
from modelmill.datasets import selectors, services
from modelmill.datasets.models import Dataset, DatasetThumbnail
from PIL import Image


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


@pytest.fixture
def checked(acme):
    """A labelled text dataset with two problems, checked."""
    lines = [json.dumps({"text": f"text {n}", "label": "ab"[n % 2]}) for n in range(20)]
    return dataset_make(acme, "\n".join([*lines, "{", "[]"]).encode(), "reviews.jsonl")


def dataset_make(place, content, filename):
    with place.scope():
        file = services.file_create(
            io.BytesIO(content), filename=filename, purpose="dataset", caller=place.caller
        )
        version = selectors.version_for(file.id)
        services.version_validate(version.id)
        return selectors.access_dataset(version.dataset_id)


def test_it_reads_a_dataset(acme, checked) -> None:
    dataset = acme.api.get(f"/v1/datasets/{checked.id}").json()
    assert (dataset["object"], dataset["name"]) == ("dataset", "reviews")
    newest = dataset["newest_version"]
    assert (newest["status"], newest["kind"], newest["rows"]) == ("ready", "labelled_text", 20)
    assert newest["splits"] == {"train": 16, "validation": 2, "test": 2}
    assert newest["label_names"] == ["a", "b"]
    assert (newest["problems"], newest["error"]) == (2, None)
    assert newest["filename"] == "reviews.jsonl"


def test_it_lists_datasets_and_versions(acme, checked) -> None:
    page = acme.api.get("/v1/datasets").json()
    assert [dataset["id"] for dataset in page["data"]] == [checked.id]
    versions = acme.api.get(f"/v1/datasets/{checked.id}/versions").json()["data"]
    assert [version["number"] for version in versions] == [1]


def test_lists_cost_the_same_however_long(acme, checked, django_assert_max_num_queries) -> None:
    with acme.scope():
        for number in range(4):
            services.file_create(
                [b"x"], filename=f"{number}.txt", purpose="dataset", caller=acme.caller
            )
    acme.api.get("/v1/datasets")
    with django_assert_max_num_queries(2):
        assert len(acme.api.get("/v1/datasets").json()["data"]) == 5
    with django_assert_max_num_queries(3):
        acme.api.get(f"/v1/datasets/{checked.id}/versions")


def test_it_reads_a_version_with_statistics(acme, checked) -> None:
    for ref in (checked.newest.id, "newest"):
        version = acme.api.get(f"/v1/datasets/{checked.id}/versions/{ref}").json()
        assert version["id"] == checked.newest.id
        assert version["statistics"]["classes"][0]["label"] == "a"


def test_it_lists_problems_in_order(acme, checked) -> None:
    base = f"/v1/datasets/{checked.id}/versions/newest/problems"
    page = acme.api.get(f"{base}?limit=1").json()
    assert page["has_more"]
    assert page["data"][0]["row"] == 21
    assert page["data"][0]["reason"] == "This line is not valid JSON."
    rest = acme.api.get(f"{base}?limit=1&after={page['last_id']}").json()
    assert [(p["row"], p["file"]) for p in rest["data"]] == [(22, "reviews.jsonl")]


def test_it_previews_rows(acme, checked) -> None:
    preview = acme.api.get(f"/v1/datasets/{checked.id}/versions/newest/preview").json()
    assert preview["rows"][0] == {"text": "text 0", "label": 0}
    assert preview["images"] == []


def test_it_previews_pictures(acme) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(picture, "PNG")
    dataset = dataset_make(acme, picture.getvalue(), "red.png")
    preview = acme.api.get(f"/v1/datasets/{dataset.id}/versions/newest/preview").json()
    image = preview["images"][0]
    assert (image["width"], image["height"], image["caption"]) == (128, 85, "red.png")
    answer = acme.api.get(image["url"])
    assert answer["Content-Type"] == "image/webp"
    content = b"".join(answer.streaming_content)
    assert Image.open(io.BytesIO(content)).size == (128, 85)
    assert acme.browser().get(image["url"]).status_code == 200
    with acme.scope():
        assert DatasetThumbnail.objects.count() == 1


def test_a_refused_file_says_why(acme) -> None:
    dataset = dataset_make(acme, "é".encode("latin-1"), "latin.txt")
    version = acme.api.get(f"/v1/datasets/{dataset.id}").json()["newest_version"]
    assert version["status"] == "failed"
    assert version["error"]["message"]
    file = acme.api.get(f"/v1/files/{version['file_id']}").json()
    assert (file["status"], file["status_details"]) == ("error", version["error"]["message"])


def test_it_renames_a_dataset(acme, checked) -> None:
    answer = acme.api.post_json(f"/v1/datasets/{checked.id}", {"name": "Stars"})
    assert answer.json()["name"] == "Stars"
    for bad in ({}, {"name": ""}, {"name": "x" * 121}):
        refused = acme.api.post_json(f"/v1/datasets/{checked.id}", bad)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "name")


def test_it_deletes_a_dataset_with_all_its_bytes(acme, checked) -> None:
    answer = acme.api.delete(f"/v1/datasets/{checked.id}")
    assert answer.json() == {"id": checked.id, "object": "dataset", "deleted": True}
    assert acme.api.delete(f"/v1/datasets/{checked.id}").status_code == 404
    assert acme.api.get("/v1/files").json()["data"] == []
    with acme.scope():
        assert selectors.storage_used_bytes() == 0


PATHS = [
    "/v1/datasets/{id}",
    "/v1/datasets/{id}/versions",
    "/v1/datasets/{id}/versions/{version}",
    "/v1/datasets/{id}/versions/{version}/problems",
    "/v1/datasets/{id}/versions/{version}/preview",
    "/v1/datasets/{id}/versions/{version}/thumbnails/0",
]


@pytest.mark.parametrize("path", PATHS)
def test_it_needs_a_key_and_refuses_a_stranger(acme, globex, anonymous, checked, path) -> None:
    path = path.format(id=checked.id, version=checked.newest.id)
    assert anonymous.get(path).status_code == 401
    assert globex.api.get(path).status_code == 404
    assert globex.api.get(path.replace(checked.id, "ds-none")).status_code == 404


def test_a_stranger_changes_nothing(acme, globex, anonymous, checked) -> None:
    path = f"/v1/datasets/{checked.id}"
    assert globex.api.post_json(path, {"name": "mine"}).status_code == 404
    assert globex.api.delete(path).status_code == 404
    assert anonymous.delete(path).status_code == 401
    assert anonymous.get("/v1/datasets").status_code == 401
    assert globex.api.get("/v1/datasets").json()["data"] == []
    with acme.scope():
        assert Dataset.objects.get().name == "reviews"


def test_another_datasets_version_is_not_found_here(acme, checked) -> None:
    other = dataset_make(acme, b"text\n", "other.txt")
    path = f"/v1/datasets/{other.id}/versions/{checked.newest.id}"
    assert acme.api.get(path).status_code == 404
