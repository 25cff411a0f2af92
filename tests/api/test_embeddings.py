"""POST /v1/embeddings, and models that need no training, with OpenAI's client and a real worker."""

from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from django.db import connection
from modelmill.catalog.models import Plugin, Release
from modelmill.catalog.services import catalog_sync
from modelmill.metering.models import UsageEvent
from modelmill.registry.installed import installed_prepare, installed_version
from modelmill.registry.models import ModelVersion
from modelmill.registry.selectors import version_list

from tests.making import fakes_publish
from tests.serving import model_made

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "fake-embedder"


@pytest.fixture(autouse=True)
def published(redis_url) -> None:
    fakes_publish()


def test_it_embeds_in_both_formats_and_charges_the_tokens(acme, client_of) -> None:
    client = client_of(acme)
    texts = ["corn", "barley and rye"]
    # The client asks for base64 unless told otherwise, and unpacks it.
    packed = client.embeddings.create(model=MODEL, input=texts)
    plain = client.embeddings.create(model=MODEL, input=texts, encoding_format="float")
    assert [one.index for one in plain.data] == [0, 1]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    assert plain.data[0].embedding == pytest.approx([4 / 17**0.5, 1 / 17**0.5])
    assert (plain.object, plain.model) == ("list", MODEL)
    assert (plain.usage.prompt_tokens, plain.usage.total_tokens) == (4, 4)
    short = client.embeddings.create(model=MODEL, input="corn", dimensions=1)
    assert len(short.data[0].embedding) == 1
    with acme.scope():
        charged = UsageEvent.objects.filter(meter="tokens_in").values_list("qty", flat=True)
        assert list(charged) == [4, 4, 1]


def test_it_takes_as_many_texts_as_openai_does(acme, client_of) -> None:
    client = client_of(acme)
    answer = client.embeddings.create(model=MODEL, input=["a"] * 2048)
    assert len(answer.data) == 2048 and answer.usage.total_tokens == 2048
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model=MODEL, input=["a"] * 2049)
    assert refused.value.param == "input"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["corn", ""]}, "input"),
        ({"input": [[1, 2, 3]]}, "input"),
        ({"input": {"text": "corn"}}, "input"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"dimensions": 3}, "dimensions"),
        ({"dimensions": 0}, "dimensions"),
        ({"model": "fake-embedder:nothing"}, "model"),
        ({"model": "nothing"}, "model"),
    ],
)
def test_what_cannot_be_embedded_is_refused_by_its_name(acme, wrong, param) -> None:
    answer = acme.api.post_json("/v1/embeddings", {"model": MODEL, "input": "corn", **wrong})
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"].endswith(param)


def test_another_kind_of_model_is_refused(acme) -> None:
    name = model_made(acme, "fake-speaker").name
    answer = acme.api.post_json("/v1/embeddings", {"model": name, "input": "corn"})
    assert answer.json()["error"]["code"] == "model_task_mismatch"


def test_an_installed_model_is_every_tenants_own(acme, globex) -> None:
    listed = {one["id"]: one for one in acme.api.get("/v1/models").json()["data"]}
    assert MODEL in listed
    with acme.scope():
        version = version_list().get(name=MODEL)
    assert acme.api.get(f"/v1/models/{version.id}").json()["x_lineage"]["installed"] == "."
    assert globex.api.get(f"/v1/models/{version.id}").status_code == 404
    page = acme.browser().get(f"/models/{version.id}").text
    assert "by your operator" in page and 'data-opens="delete"' not in page
    refused = acme.api.delete(f"/v1/models/{version.id}").json()
    assert refused["error"]["code"] == "model_installed"
    assert "fake-embedder" in acme.browser().get("/playground").text


def test_however_many_ask_at_once_there_is_one(acme) -> None:
    def ask(_number: int) -> str:
        try:
            with acme.scope():
                found = installed_version(MODEL)
                assert found is not None
                return found.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    with acme.scope():
        assert ModelVersion.objects.filter(name=MODEL).count() == 1


def test_it_follows_the_release_and_goes_with_it(acme) -> None:
    with acme.scope():
        first = installed_version(MODEL)
        newer = Release.objects.get(pk=first.release_id)
        newer.pk, newer.version, newer._state.adding = "rel-newer", "9.9.9", True
        newer.save(force_insert=True)
        Plugin.objects.filter(pk=MODEL).update(release=newer)
        again = installed_version(MODEL)
        assert (again.pk, again.release.version) == (first.pk, "9.9.9")
        Plugin.objects.filter(pk=MODEL).update(is_enabled=False)
        assert installed_version(MODEL) is None
        installed_prepare()
        assert not version_list().filter(name=MODEL).exists()
        Plugin.objects.filter(pk=MODEL).update(is_enabled=True)
        installed_prepare()
        assert version_list().get(name=MODEL).pk == first.pk
    catalog_sync([])
