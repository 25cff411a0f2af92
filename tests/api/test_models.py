"""/v1/models, /v1/aliases and /v1/plugins."""

import pytest
from modelmill.catalog.services import manifest_publish
from modelmill.core.storage import blob_write
from modelmill.registry.models import ModelVersion
from modelmill.registry.services import Lineage, version_publish
from modelmill.tenants.services import api_key_create

from tests.conftest import ApiClient
from tests.making import manifest_make


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


@pytest.fixture
def version(acme) -> ModelVersion:
    lineage = Lineage(
        release=manifest_publish(manifest_make()), job_id="ftjob-1", dataset_version_id="dsv-1"
    )
    with acme.scope():
        return version_publish({"w": blob_write([b"w"])}, lineage=lineage, suffix="ours")


def test_plugins_and_own_models_are_listed(acme, globex, version) -> None:
    listed = acme.api.get("/v1/models").json()
    assert [row["id"] for row in listed["data"]] == ["toy", version.name]
    assert all(row["object"] == "model" for row in listed["data"])
    assert [row["id"] for row in globex.api.get("/v1/models").json()["data"]] == ["toy"]


def test_a_model_is_retrieved_with_its_lineage(acme, version) -> None:
    shape = acme.api.get(f"/v1/models/{version.name}").json()
    assert shape["id"] == version.name and shape["owned_by"] == "acme"
    assert shape["x_lineage"]["dataset_version"] == "dsv-1"
    assert acme.api.get("/v1/models/toy").json()["x_trains"] is True


def test_unknown_and_strangers_models_are_the_same_404(acme, globex, version) -> None:
    for client, name in ((acme.api, "ft:x"), (globex.api, version.name), (acme.api, "none")):
        answer = client.get(f"/v1/models/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert globex.api.delete(f"/v1/models/{version.name}").status_code == 404


def test_a_model_is_deleted_once(acme, version) -> None:
    deleted = acme.api.delete(f"/v1/models/{version.name}").json()
    assert deleted == {"id": version.name, "object": "model", "deleted": True}
    assert acme.api.delete(f"/v1/models/{version.name}").status_code == 404


def test_a_key_that_may_only_predict_sees_models_and_deletes_none(acme, version) -> None:
    with acme.scope():
        _key, secret = api_key_create("app", caller=acme.caller, scopes=["infer"])
    app = ApiClient(secret)
    assert app.get("/v1/models").status_code == 200
    assert app.delete(f"/v1/models/{version.name}").status_code == 403


def test_an_alias_is_set_used_and_removed(acme, version) -> None:
    alias = acme.api.post_json("/v1/aliases", {"alias": "prod", "model": version.name}).json()
    assert alias["id"] == "ours@prod"
    assert acme.api.get("/v1/models/ours@prod").json()["id"] == version.name
    assert acme.api.get("/v1/aliases").json()["data"] == [alias]
    assert acme.api.delete("/v1/aliases/ours@prod").json()["deleted"]
    assert acme.api.get("/v1/models/ours@prod").status_code == 404


def test_plugins_are_shown_with_their_schemas(acme, anonymous, version) -> None:
    (line,) = acme.api.get("/v1/plugins").json()["data"]
    assert line["id"] == "toy" and "train_schema" not in line
    shape = acme.api.get("/v1/plugins/toy").json()
    assert shape["train_schema"]["properties"]["steps"]["default"] == 20
    assert acme.api.get("/v1/plugins/none").status_code == 404
    assert anonymous.get("/v1/plugins").status_code == 401


@pytest.fixture
def untrained() -> None:
    """A plugin that is not trained, and that the operator installed no model for."""
    manifest_publish(manifest_make("oracle", trains=False, accepts=[], installed=[]))


def test_what_nobody_can_use_is_not_listed_and_says_what_is_missing(acme, untrained) -> None:
    assert acme.api.get("/v1/models").json()["data"] == []
    asked = acme.api.post_json("/v1/predictions", {"model": "oracle", "input": {}})
    for answer in (acme.api.get("/v1/models/oracle"), asked):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (404, "model_not_found")
        assert "operator" in error["message"] and "MODELMILL_BASE_MODELS" in error["message"]
        assert "train it" not in error["message"]


def test_of_several_installed_models_one_has_to_be_named(acme) -> None:
    folders = [{"folder": "small", "description": ""}, {"folder": "large", "description": ""}]
    manifest_publish(manifest_make("oracle", trains=False, accepts=[], installed=folders))
    asked = acme.api.post_json("/v1/predictions", {"model": "oracle", "input": {}}).json()
    assert "oracle:small, oracle:large" in asked["error"]["message"]
