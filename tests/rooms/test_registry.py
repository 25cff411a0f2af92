"""What was made: versions with names, files and lineage, and names that move."""

import pytest
from modelmill.catalog.services import manifest_publish
from modelmill.core.errors import InvalidRequest, NotFound
from modelmill.core.models import Blob
from modelmill.core.storage import blob_write
from modelmill.registry.selectors import access_model_version, model_list, version_list
from modelmill.registry.services import (
    Lineage,
    alias_remove,
    alias_set,
    model_delete,
    version_fetch,
    version_publish,
)

from tests.making import manifest_make


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def _publish(job_id: str = "ftjob-1", *, plugin_id: str = "toy", suffix: str = "ours", files=None):
    release = manifest_publish(manifest_make(plugin_id))
    lineage = Lineage(
        release=release, job_id=job_id, dataset_version_id="dsv-1", parameters={"steps": 3}, seed=1
    )
    content = {"config.json": b"{}", "deep/model.safetensors": b"w"} if files is None else files
    blobs = {path: blob_write([bytes_]) for path, bytes_ in content.items()}
    return version_publish(blobs, lineage=lineage, suffix=suffix)


def test_a_version_has_the_name_openais_client_expects(acme) -> None:
    with acme.scope():
        version = _publish(suffix="My Faces!")
        assert version.name == f"ft:toy:acme:my-faces:{version.id[-8:]}"
        assert version.model.name == "my-faces" and version.size_bytes == 3


def test_publishing_a_job_twice_makes_one_version(acme) -> None:
    with acme.scope():
        assert _publish().id == _publish().id
        assert version_list().count() == 1


def test_the_next_job_with_the_suffix_makes_the_next_version(acme) -> None:
    with acme.scope():
        assert [_publish("a").number, _publish("b").number] == [1, 2]
        assert _publish("c", plugin_id="other").model.name == "ours-other"
        assert [model.name for model in model_list()] == ["ours", "ours-other"]


def test_equal_files_give_an_equal_hash(acme) -> None:
    with acme.scope():
        same, other = _publish("a"), _publish("b")
        assert same.sha256 == other.sha256 != _publish("c", files={"w": b"x"}).sha256


def test_the_files_come_back_as_they_were(acme, tmp_path) -> None:
    with acme.scope():
        folder = version_fetch(_publish(), tmp_path / "model")
        assert (folder / "deep" / "model.safetensors").read_bytes() == b"w"


def test_a_version_is_found_by_name_by_id_and_by_alias(acme) -> None:
    with acme.scope():
        version = _publish()
        alias_set(version, name="prod", caller=acme.caller)
        for name in (version.name, version.id, "ours@prod"):
            assert access_model_version(name).id == version.id


def test_an_alias_moves(acme) -> None:
    with acme.scope():
        first, second = _publish("a"), _publish("b")
        alias_set(first, name="prod", caller=acme.caller)
        alias_set(second, name="prod", caller=acme.caller)
        assert access_model_version("ours@prod").id == second.id
        alias_remove(second.model, name="prod", caller=acme.caller)
        with pytest.raises(NotFound):
            access_model_version("ours@prod")
        with pytest.raises(InvalidRequest):
            alias_set(first, name="Prod!", caller=acme.caller)


@pytest.mark.parametrize("name", ["ft:toy:acme:x:1", "mv-1", "ours@none", "gpt-4", "", "@"])
def test_an_unknown_model_is_told_so(acme, name) -> None:
    with acme.scope(), pytest.raises(NotFound) as refused:
        access_model_version(name)
    assert refused.value.code == "model_not_found"


def test_a_strangers_model_does_not_exist(acme, globex) -> None:
    with acme.scope():
        version = _publish()
    with globex.scope():
        for name in (version.name, version.id):
            with pytest.raises(NotFound):
                access_model_version(name)


def test_a_deleted_model_gives_its_bytes_back_and_is_not_found(acme) -> None:
    with acme.scope():
        version = _publish()
        alias_set(version, name="prod", caller=acme.caller)
        model_delete(version, caller=acme.caller)
        model_delete(version, caller=acme.caller)
        assert not Blob.objects.exists()
        for name in (version.name, "ours@prod"):
            with pytest.raises(NotFound):
                access_model_version(name)
