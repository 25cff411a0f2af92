"""The data pages: what a dataset shows, who may change it, and what cannot be done."""

from modelmill.datasets.models import Dataset
from modelmill.datasets.services import file_create

from tests.conftest import Place
from tests.making import version_make
from tests.showroom import Showroom


def test_a_dataset_shows_its_pictures_problems_and_uses(showroom: Showroom) -> None:
    client = showroom.place.browser()
    page = client.get(f"/data/{showroom.faces.dataset_id}").content.decode()

    assert page.count(f"/data/versions/{showroom.faces.pk}/pictures/") == 24
    assert "This is not a picture in a known format." in page
    assert f"/jobs/{showroom.job.pk}" in page and f"/models/{showroom.version.pk}" in page
    assert f"/plugins?data={showroom.faces.pk}" in page

    picture = client.get(f"/data/versions/{showroom.faces.pk}/pictures/0")
    assert picture.status_code == 200
    assert picture["Content-Type"] == "image/webp" and "private" in picture["Cache-Control"]


def test_it_names_the_columns_beside_text_and_label(acme: Place) -> None:
    version = version_make(acme, kind="labelled_text", state="ready")
    with acme.scope():
        type(version).objects.filter(pk=version.pk).update(
            label_names=["good"],
            preview=[{"text": "fine flour", "label": 0, "channel": None, "region": "north west"}],
            statistics={"further_columns": ["channel", "region"]},
        )
    page = acme.browser().get(f"/data/{version.dataset_id}").content.decode()

    assert "Further columns" in page and "channel, region" in page
    assert "north west" in page and ">None<" not in page


def test_a_file_leads_to_its_dataset(showroom: Showroom) -> None:
    response = showroom.place.browser().get(f"/data/files/{showroom.faces.source_file_id}")

    assert response["Location"] == f"/data/{showroom.faces.dataset_id}/{showroom.faces.pk}"


def test_the_problems_are_a_table_no_program_runs(showroom: Showroom) -> None:
    response = showroom.place.browser().get(f"/data/versions/{showroom.faces.pk}/problems.csv")

    text = response.getvalue().decode("utf-8-sig")
    assert text.splitlines()[0] == "file,row,field,reason,fix"
    assert "'=face.png," in text
    assert response["Content-Type"].startswith("text/csv")


def test_a_failed_dataset_says_why(showroom: Showroom) -> None:
    with showroom.place.scope():
        broken = Dataset.objects.get(name="broken")
    page = showroom.place.browser().get(f"/data/{broken.pk}").content.decode()

    assert "This data cannot be used" in page
    assert "Train on this" not in page


def test_the_state_is_asked_for_until_the_check_ends(acme: Place, settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path
    version = version_make(acme, state="validating")
    client = acme.browser()
    waiting = client.get(f"/data/versions/{version.pk}/state")
    assert "hx-trigger" in waiting.content.decode() and "HX-Refresh" not in waiting
    with acme.scope():
        type(version).objects.filter(pk=version.pk).update(
            state="failed", error_message="It is empty."
        )

    ended = client.get(f"/data/versions/{version.pk}/state")

    assert ended["HX-Refresh"] == "true" and "hx-trigger" not in ended.content.decode()


def test_a_dataset_is_renamed_and_deleted(showroom: Showroom) -> None:
    client = showroom.place.browser(showroom.place.mate)
    path = f"/data/{showroom.prose.dataset_id}"

    client.post(f"{path}/rename", {"name": "Long evenings"})
    assert "Long evenings" in client.get(path).content.decode()
    response = client.post(f"{path}/delete", follow=True)

    assert "is deleted" in response.content.decode()
    assert client.get(path).status_code == 404


def test_a_name_that_is_none_is_refused_in_a_sentence(showroom: Showroom) -> None:
    client = showroom.place.browser()
    path = f"/data/{showroom.prose.dataset_id}"

    page = client.post(f"{path}/rename", {"name": " "}, follow=True).content.decode()

    assert 'data-level="error"' in page
    assert client.get(path).content.decode().count("evenings") > 0


def test_a_stranger_changes_nothing(showroom: Showroom, globex: Place) -> None:
    client = globex.browser()
    path = f"/data/{showroom.faces.dataset_id}"

    assert client.post(f"{path}/rename", {"name": "Mine"}).status_code == 404
    assert client.post(f"{path}/delete").status_code == 404
    assert client.get(f"/data/versions/{showroom.faces.pk}/pictures/0").status_code == 404
    assert client.get(f"/data/versions/{showroom.faces.pk}/problems.csv").status_code == 404
    assert showroom.place.browser().get(path).status_code == 200


def test_a_list_with_a_check_in_it_looks_again(acme: Place, settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path
    with acme.scope():
        file_create([b"rye\n"], filename="rye.txt", purpose="fine-tune", caller=acme.caller)
    client = acme.browser()

    assert "hx-trigger" in client.get("/data").content.decode()
    part = client.get("/data", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and "rye" in part
