"""Releases side by side: which trains, which loads a model, and which is not trusted."""

import pytest
from modelmill.catalog.models import Plugin, Quarantined, Release
from modelmill.catalog.selectors import (
    release_for,
    release_list,
    release_to_load,
    release_to_train,
)
from modelmill.catalog.services import (
    catalog_sync,
    manifest_publish,
    release_enable,
    release_trust,
)
from modelmill.catalog.versions import version_key, version_loads
from modelmill.core.errors import Conflict, NotFound

from tests.making import manifest_make

OTHER = "/srv/plugins/old/bin/python"


def installed(version: str, **fields) -> dict:
    return manifest_make(version=version, digest=f"sha256:{version}", **fields)


def test_versions_are_sorted_as_people_mean_them() -> None:
    wanted = ["nonsense", "0.9", "1.0a1", "1.0rc1", "1.0rc2", "1", "1.0.1", "1.9", "1.10", "2.0"]
    mixed = [*wanted[5:], *wanted[:5]]
    assert sorted(mixed, key=version_key) == wanted
    assert version_key("1.0")[:3] == version_key("1")[:3]


@pytest.mark.parametrize(
    ("own", "loads", "made_by", "expected"),
    [
        ("2.0", [], "2.0", True),
        ("2.1", [], "2.0", True),
        ("2.1", [], "1.9", False),
        ("2.0", ["1.9"], "1.9.3", True),
        ("2.0", ["1.9"], "1.90", False),
        ("2.0", ["1.9"], "2.0", True),
        ("10.0", [], "1.0", False),
    ],
)
def test_a_release_loads_its_own_major_or_what_it_names(own, loads, made_by, expected) -> None:
    assert version_loads({"version": own, "loads": loads}, made_by) is expected


def test_the_newest_release_trains_and_each_loads_its_own_models(acme) -> None:
    catalog_sync([installed("2.0"), installed("1.0", python=OTHER)])
    old, new = Release.objects.get(version="1.0"), Release.objects.get(version="2.0")
    with acme.scope():
        assert release_for("toy") == new
    assert release_to_load(old) == old
    assert (old.python, new.python) == (OTHER, "")
    assert [one.version for one in release_list(new.plugin)] == ["2.0", "1.0"]


@pytest.mark.django_db
def test_a_newer_release_loads_an_older_ones_model_when_it_can() -> None:
    (old,) = catalog_sync([installed("1.0")])
    catalog_sync([installed("1.1"), installed("1.2", python=OTHER), installed("2.0")])
    assert release_to_load(Release.objects.get(pk=old.pk)).version == "1.2"


@pytest.mark.django_db
def test_a_model_that_nothing_can_load_names_the_release_it_needs() -> None:
    (old,) = catalog_sync([installed("1.0")])
    catalog_sync([installed("2.0")])
    with pytest.raises(Conflict) as refused:
        release_to_load(Release.objects.get(pk=old.pk))
    assert refused.value.code == "model_needs_release"
    assert "made with Toy 1.0" in refused.value.message
    assert "2.0 does not read its models" in refused.value.message


@pytest.mark.django_db
def test_a_training_that_has_begun_goes_on_with_its_own_release() -> None:
    catalog_sync([installed("1.0"), installed("2.0")])
    old = Release.objects.get(version="1.0")
    assert release_to_train(old, is_begun=True) == old
    assert release_to_train(old, is_begun=False).version == "2.0"


def test_changed_files_under_an_old_version_are_not_run(acme) -> None:
    catalog_sync([manifest_make()])
    made_with = Release.objects.get()
    (changed,) = catalog_sync([manifest_make(digest="sha256:evil")])
    assert changed.doubt == Release.Doubt.DIGEST
    with acme.scope(), pytest.raises(NotFound):
        release_for("toy")
    with pytest.raises(Conflict):
        release_to_load(Release.objects.get(pk=made_with.pk))


def test_the_operators_word_lets_changed_files_run(acme) -> None:
    catalog_sync([manifest_make()])
    (changed,) = catalog_sync([manifest_make(digest="sha256:rebuilt")])
    release_trust(changed)
    (again,) = catalog_sync([manifest_make(digest="sha256:rebuilt")])
    with acme.scope():
        assert release_for("toy") == again == changed


def test_an_editable_plugin_may_change(acme) -> None:
    catalog_sync([manifest_make(is_editable=True)])
    (changed,) = catalog_sync([manifest_make(is_editable=True, digest="sha256:edited")])
    with acme.scope():
        assert release_for("toy") == changed


def test_another_package_under_a_known_name_is_not_run(acme) -> None:
    catalog_sync([manifest_make()])
    confused = installed("9.0", distribution="tools", python=OTHER)
    _known, impostor = catalog_sync([manifest_make(), confused])
    assert impostor.doubt == Release.Doubt.DISTRIBUTION
    with acme.scope():
        assert release_for("toy").version == "1.0"


def test_an_impostor_brings_no_doubt_upon_the_owners_next_release(acme) -> None:
    catalog_sync([installed("1.0")])
    confused = manifest_make(version="2.0", digest="sha256:confused", distribution="a-tool")
    impostor, _known = catalog_sync([confused, installed("1.0")])
    assert impostor.doubt == Release.Doubt.DISTRIBUTION
    _impostor, upgraded = catalog_sync([confused, installed("2.0")])
    assert upgraded.doubt == Release.Doubt.NONE
    with acme.scope():
        assert release_for("toy") == upgraded


def test_a_release_that_is_off_trains_nothing_and_keeps_its_models(acme) -> None:
    catalog_sync([installed("1.0"), installed("2.0", python=OTHER)])
    new = release_enable(Release.objects.get(version="2.0"), is_enabled=False)
    with acme.scope():
        assert release_for("toy").version == "1.0"
    assert release_to_load(new) == new


@pytest.mark.django_db
def test_one_release_in_two_places_is_one() -> None:
    catalog_sync([manifest_make(), manifest_make(python=OTHER)])
    assert Release.objects.get().python == ""


@pytest.mark.django_db
def test_a_broken_environment_takes_its_own_releases_along_and_no_others() -> None:
    catalog_sync([installed("2.0"), installed("1.0", python=OTHER)])
    said = {"entry_point": "", "distribution": "", "traceback": "gone", "python": OTHER}
    catalog_sync([installed("2.0")], broken=[said])
    assert Quarantined.objects.get().python == OTHER
    assert Release.objects.get(version="1.0").state == Release.State.MISSING
    assert Plugin.objects.get().release.version == "2.0"


@pytest.mark.django_db
def test_going_back_is_installing_the_older_version() -> None:
    catalog_sync([installed("2.0")])
    catalog_sync([installed("1.0")])
    assert Plugin.objects.get().release.version == "1.0"
    assert manifest_publish(installed("1.0")).is_runnable


@pytest.mark.parametrize("schema", [{"type": 12}, {"properties": {"a": True}}, []])
@pytest.mark.django_db
def test_a_manifest_whose_schema_is_none_is_in_quarantine_alone(schema) -> None:
    catalog_sync([manifest_make(train_schema=schema), manifest_make("other")])
    assert "train_schema" in Quarantined.objects.get(entry_point="toy").traceback
    assert [plugin.id for plugin in Plugin.objects.filter(state="available")] == ["other"]


@pytest.mark.django_db
def test_what_the_operator_installs_is_noted_under_the_same_release() -> None:
    for folders in (["one"], ["one", "two"], []):
        names = [{"folder": folder} for folder in folders]
        out = [{"folder": folder, "reason": "pickled"} for folder in folders]
        (release,) = catalog_sync([installed("1.0", installed=names, left_out=out)])
        release.refresh_from_db()
        assert (release.manifest["installed"], release.manifest["left_out"]) == (names, out)
    assert Release.objects.count() == 1
