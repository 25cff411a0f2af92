"""The operator's door: staff see every tenant, for all others it is not there."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from modelmill.catalog.models import Plugin
from modelmill.catalog.services import catalog_sync, manifest_publish, plugin_quarantine
from modelmill.metering.services import usage_record
from modelmill.tenants.models import AuditEntry
from modelmill.training.services.presence import worker_report

from tests.conftest import Place
from tests.making import manifest_make
from tests.web.test_pages import check_page

PAGES = [
    "/cockpit",
    "/cockpit/tenants",
    "/cockpit/plugins",
    "/cockpit/workers",
    "/cockpit/prices",
    "/cockpit/revenue",
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_page_is_whole(path: str, language: str, operator: Client, acme: Place) -> None:
    operator.cookies["django_language"] = language

    response = operator.get(path)

    assert response.status_code == 200
    check_page(response.content.decode())


@pytest.mark.parametrize("path", PAGES)
def test_a_tenants_owner_finds_nothing(path: str, acme: Place) -> None:
    assert acme.browser().get(path).status_code == 404
    assert Client().get(path)["Location"].startswith("/accounts/login/")


def test_the_overview_tells_of_counts_that_could_not_be_recorded(
    operator: Client, usage_folder: Path
) -> None:
    usage_folder.mkdir()
    assert "could not be recorded" not in operator.get("/cockpit").content.decode()
    (usage_folder / "seg-1@0.refused").write_bytes(b"damaged\n")

    page = operator.get("/cockpit").content.decode()

    check_page(page)
    assert "1 file of counted requests on this machine could not be recorded" in page


def test_a_tenant_is_suspended_and_let_work_again(operator: Client, acme: Place) -> None:
    path = f"/cockpit/tenants/{acme.tenant.pk}"

    operator.post(f"{path}/state", {"state": "suspended"})
    acme.tenant.refresh_from_db()
    assert acme.tenant.state == "suspended"
    page = operator.get(path).content.decode()
    check_page(page)
    assert "Organisation suspended" in page and "operator op@mill.example" in page

    operator.post(f"{path}/state", {"state": "active"})
    acme.tenant.refresh_from_db()
    assert acme.tenant.state == "active"


def test_an_owner_cannot_lift_a_suspension(acme: Place) -> None:
    path = f"/cockpit/tenants/{acme.tenant.pk}/state"

    assert acme.browser().post(path, {"state": "active"}).status_code == 404


def test_an_unknown_state_changes_nothing(operator: Client, acme: Place) -> None:
    operator.post(f"/cockpit/tenants/{acme.tenant.pk}/state", {"state": "gone"})

    acme.tenant.refresh_from_db()
    assert acme.tenant.state == "active"
    with acme.scope():
        assert not AuditEntry.objects.filter(actor__startswith="operator").exists()


def test_a_missing_tenant_is_a_404(operator: Client) -> None:
    assert operator.get("/cockpit/tenants/org-nothing").status_code == 404


def test_the_search_finds_by_name(operator: Client, acme: Place, globex: Place) -> None:
    page = operator.get("/cockpit/tenants", {"q": "glob"}).content.decode()

    assert "Globex" in page and "Acme" not in page


def test_a_broken_plugin_shows_its_traceback(operator: Client) -> None:
    plugin_quarantine(
        entry_point="faces:FACES", distribution="bad-plugin", traceback="ImportError: no <torch>"
    )

    page = operator.get("/cockpit/plugins").content.decode()

    assert "bad-plugin" in page and "ImportError: no &lt;torch&gt;" in page


def test_a_plugin_is_turned_off_and_on(operator: Client, acme: Place) -> None:
    manifest_publish({"plugin_id": "mill", "title": "Mill", "version": "1", "digest": "d"})
    path = "/cockpit/plugins/mill/switch"

    assert acme.browser().post(path, {"enabled": "0"}).status_code == 404
    operator.post(path, {"enabled": "0"})
    assert not Plugin.objects.get().is_enabled
    assert "Turn on" in operator.get("/cockpit/plugins").content.decode()

    operator.post(path, {"enabled": "1"})
    assert Plugin.objects.get().is_enabled
    assert operator.post("/cockpit/plugins/none/switch").status_code == 404


def test_the_workers_are_asked_to_look_again(operator: Client, acme: Place, monkeypatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr("modelmill.cockpit.plugins.ring", lambda task, ids: not rung.append(task))

    assert acme.browser().post("/cockpit/plugins/look").status_code == 404
    page = operator.post("/cockpit/plugins/look", follow=True).content.decode()

    assert rung == ["workers.tasks.catalog.describe"]
    assert "A worker looks again" in page
    assert operator.get("/cockpit/plugins/look").status_code == 405


def test_workers_that_cannot_be_reached_are_told_of(operator: Client, monkeypatch) -> None:
    monkeypatch.setattr("modelmill.cockpit.plugins.ring", lambda task, ids: False)

    page = operator.post("/cockpit/plugins/look", follow=True).content.decode()

    assert "cannot be reached" in page


def test_a_release_in_doubt_is_confirmed(operator: Client, acme: Place) -> None:
    catalog_sync([manifest_make()])
    (changed,) = catalog_sync([manifest_make(digest="sha256:rebuilt")])
    assert "Its files changed" in operator.get("/cockpit/plugins").content.decode()
    path = f"/cockpit/releases/{changed.pk}"

    assert acme.browser().post(path, {"trust": "1"}).status_code == 404
    page = operator.post(path, {"trust": "1"}, follow=True).content.decode()

    check_page(page)
    assert "Toy 1.0: saved." in page
    assert Plugin.objects.get().release_id == changed.pk


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Editable install: its files may change"),
        ("zh-hans", "可编辑安装：其文件可能变动"),
    ],
)
def test_an_editable_install_is_said_to_be_one(language: str, said: str, operator: Client) -> None:
    operator.cookies["django_language"] = language
    catalog_sync([manifest_make(is_editable=True)])
    page = operator.get("/cockpit/plugins/toy").content.decode()
    check_page(page)
    assert said in page
    # The same files, from a wheel.
    catalog_sync([manifest_make()])
    assert said not in operator.get("/cockpit/plugins/toy").content.decode()


def test_a_release_is_turned_off(operator: Client) -> None:
    catalog_sync([manifest_make(), manifest_make(version="2.0")])
    newest = Plugin.objects.get().release

    operator.post(f"/cockpit/releases/{newest.pk}", {"enabled": "0"})

    assert Plugin.objects.get().release.version == "1.0"
    assert operator.post("/cockpit/releases/rel-none", {"enabled": "0"}).status_code == 404
    assert operator.get("/cockpit/plugins/none").status_code == 404


def test_a_live_worker_is_shown(operator: Client) -> None:
    worker_report("train-1", queue="train", device="cpu")

    assert "train-1" in operator.get("/cockpit/workers").content.decode()


@pytest.mark.parametrize(("language", "word"), [("en", "Network"), ("zh-hans", "网络")])
def test_a_workers_fences_are_shown_with_what_is_missing(
    language: str, word: str, operator: Client
) -> None:
    states = {"network": "on: network namespace", "files": "off: the kernel refused it (EX)"}
    worker_report("train-1", queue="train", fences={"L1": states})
    operator.cookies["django_language"] = language

    page = operator.get("/cockpit/workers").content.decode()

    assert word in page and "1/2" in page and "(EX)" in page
    check_page(page)


def test_a_worker_keeps_its_fences_until_it_reports_others(operator: Client) -> None:
    worker_report("train-1", queue="train", fences={"L1": {"files": "on: Landlock 7"}})
    worker_report("train-1")

    assert "Landlock 7" in operator.get("/cockpit/workers").content.decode()


def test_a_plugins_isolation_is_shown(operator: Client, settings: Any) -> None:
    manifest_publish({"plugin_id": "mill", "title": "Mill", "version": "1", "digest": "d"})
    settings.PLUGINS_L2 = ["mill"]

    assert "inside bubblewrap" in operator.get("/cockpit/plugins").content.decode()
    assert "inside bubblewrap" in operator.get("/cockpit/plugins/mill").content.decode()


def test_revenue_is_what_the_tenants_used(operator: Client, acme: Place) -> None:
    with acme.scope():
        usage_record(
            tenant_id=acme.tenant.pk,
            source="test",
            event_id="1",
            meter="images",
            qty=1000,
            occurred_at=timezone.now(),
            plugin_id="gan-faces",
        )

    page = operator.get("/cockpit/revenue").content.decode()

    assert "gan-faces" in page and "2.00 USD" in page and "Acme" in page


def test_an_operator_without_an_organisation_is_shown_the_way_to_the_cockpit(
    operator: Client,
) -> None:
    assert 'href="/cockpit"' in operator.get("/welcome").content.decode()
