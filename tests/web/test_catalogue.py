"""The catalogue's pages: what a plugin makes, learns from and costs; and who may use it."""

import pytest
from django.test import Client
from modelmill.catalog.models import Offer, PlanOffer, Plugin
from modelmill.catalog.pictures import picture_store
from modelmill.catalog.services import manifest_publish, plugin_enable
from modelmill.cockpit.plugins import LEFT_OUT_REASONS
from modelmill.tenants.models import AuditEntry
from modelmill_embeddings.folders import ODD_NAME, ODD_VECTORS
from modelmill_sdk.bases import PICKLED, WEIGHTLESS
from modelmill_sdk.describing import CROWDED, MORE

from tests.conftest import Place
from tests.making import manifest_make
from tests.web.test_pages import check_page

PICTURE = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
def toy(settings, tmp_path, db: None) -> Plugin:
    """A plugin with everything an author can show."""
    settings.MEDIA_ROOT = tmp_path / "media"
    samples = [
        {"name": "A face", "kind": "image", "media_type": "image/png"},
        {"name": "Words", "kind": "text", "text": "Once there <was> a mill."},
    ]
    samples[0]["sha256"] = picture_store(PICTURE)
    manifest = manifest_make(
        samples=samples,
        card="# How it learns\n\nFrom **few** rows.",
        accepts=["text", "table"],
        meters={"tokens_out": "Words written"},
        licence="Apache-2.0",
    )
    return manifest_publish(manifest).plugin


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_plugins_page_shows_all_there_is_to_know(language: str, toy, acme: Place) -> None:
    client = acme.browser()
    client.cookies["django_language"] = language
    page = client.get("/plugins/toy").content.decode()
    check_page(page)
    for words in (
        "Words written",
        "/plugins/toy/samples/0",
        "Once there &lt;was&gt; a mill.",
        "/plugins/examples/table",
        "<strong>few</strong>",
        "Apache-2.0",
    ):
        assert words in page, words


def test_a_sample_is_answered_as_the_picture_it_is(toy, acme: Place) -> None:
    response = acme.browser().get("/plugins/toy/samples/0")
    assert b"".join(response.streaming_content) == PICTURE
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    for path in ("/plugins/toy/samples/1", "/plugins/toy/samples/9", "/plugins/none/samples/0"):
        assert acme.browser().get(path).status_code == 404, path


def test_an_example_is_downloaded(acme: Place) -> None:
    response = acme.browser().get("/plugins/examples/interactions")
    assert response["Content-Disposition"] == 'attachment; filename="example-interactions.csv"'
    assert response.content.startswith(b"user,item,rating")
    assert acme.browser().get("/plugins/examples/grain").status_code == 404


def test_a_plugin_that_is_off_is_gone_from_pages_form_and_api(toy, acme: Place) -> None:
    plugin_enable(toy, is_enabled=False)
    client = acme.browser()
    for path in ("/plugins/toy", "/plugins/toy/train", "/plugins/toy/samples/0"):
        assert client.get(path).status_code == 404, path
    refused = acme.api.get("/v1/plugins/toy")
    assert refused.status_code == 404
    assert refused.json()["error"]["code"] == "plugin_not_available"


def test_the_operator_decides_for_a_plan(toy, operator: Client, acme: Place) -> None:
    page = operator.get("/cockpit/plugins/toy").content.decode()
    check_page(page)
    assert 'name="plan-starter"' in page
    path = "/cockpit/plugins/toy/audience"
    assert acme.browser().post(path, {"plan-starter": "off"}).status_code == 404
    operator.post(path, {"plan-starter": "off"})
    assert PlanOffer.objects.get().is_enabled is False
    toy.refresh_from_db()
    assert not toy.keeps_predicting
    assert acme.browser().get("/plugins/toy").status_code == 404
    operator.post(path, {"plan-starter": "", "keeps_predicting": "1"})
    assert not PlanOffer.objects.exists()
    assert acme.browser().get("/plugins/toy").status_code == 200


def test_the_operator_decides_for_one_tenant_and_its_log_says_so(
    toy, operator: Client, acme: Place, globex: Place
) -> None:
    check_page(operator.get(f"/cockpit/tenants/{acme.tenant.pk}").content.decode())
    path = f"/cockpit/tenants/{acme.tenant.pk}/plugins"
    assert acme.browser().post(path, {"plugin-toy": "off"}).status_code == 404
    operator.post(path, {"plugin-toy": "off"})
    operator.post(path, {"plugin-toy": "off"})
    assert acme.browser().get("/plugins/toy").status_code == 404
    assert globex.browser().get("/plugins/toy").status_code == 200
    with acme.scope():
        entry = AuditEntry.objects.get(action="plugin.offered")
        assert (entry.object_id, entry.actor) == ("toy", "operator op@mill.example")
        assert Offer.objects.get().is_enabled is False


@pytest.mark.parametrize(
    ("language", "title", "said"),
    [
        ("en", "Base models left out", PICKLED),
        ("zh-hans", "未采用的基础模型", "权重为 pickle 格式"),
    ],
)
def test_the_operator_reads_which_base_models_are_left_out_and_why(
    operator: Client, language: str, title: str, said: str
) -> None:
    left_out = [
        {"folder": "old-bert", "reason": PICKLED},
        {"folder": "<odd>", "reason": "In a <stranger's> own words."},
    ]
    manifest_publish(manifest_make(left_out=left_out))
    operator.cookies["django_language"] = language
    page = operator.get("/cockpit/plugins/toy").content.decode()
    check_page(page)
    assert title in page and "old-bert" in page and said in page
    assert "In a &lt;stranger&#x27;s&gt; own words." in page
    manifest_publish(manifest_make())
    assert title not in operator.get("/cockpit/plugins/toy").content.decode()


def test_every_reason_of_our_own_is_known_in_both_languages() -> None:
    assert set(LEFT_OUT_REASONS) == {PICKLED, WEIGHTLESS, ODD_NAME, ODD_VECTORS, CROWDED, MORE}


def test_a_plugin_without_a_model_says_what_the_operator_has_to_install(acme, operator) -> None:
    manifest_publish(manifest_make("oracle", trains=False, accepts=[], installed=[]))
    for path in ("/plugins", "/plugins/oracle"):
        page = acme.browser().get(path).content.decode()
        assert "folder of base models" in page and "Takes" not in page
    assert "MODELMILL_BASE_MODELS" in operator.get("/cockpit/plugins/oracle").content.decode()
    installed = [{"folder": "small", "description": ""}]
    manifest_publish(manifest_make("oracle", trains=False, accepts=[], installed=installed))
    assert "Needs no training. Installed: 1" in acme.browser().get("/plugins").content.decode()
    page = operator.get("/cockpit/plugins/oracle").content.decode()
    assert "MODELMILL_BASE_MODELS" not in page


def test_a_sample_tells_what_was_given_from_what_was_answered(acme: Place) -> None:
    text = "> Who <grinds>?\n> And when?\nThe miller.\n\nAt dawn.\n"
    samples = [{"name": "Words", "kind": "text", "text": text}]
    manifest_publish(manifest_make(samples=samples))
    page = acme.browser().get("/plugins/toy").content.decode()
    check_page(page)
    assert "Given: </span>Who &lt;grinds&gt;?\nAnd when?</p>" in page
    assert ">The miller.\n\nAt dawn.</p>" in page
