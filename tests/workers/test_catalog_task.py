"""A worker looks at what is installed, and the catalog's rows say so."""

import pickle
from datetime import timedelta

import pytest
from django.utils import timezone
from modelmill.catalog.models import Plugin, Quarantined, Release
from modelmill_sdk.bases import PICKLED
from structlog.testing import capture_logs

from tests.environments import environment_make, packages_of, plugin_install
from tests.processes import FAKES
from workers.tasks.catalog import _looked_at, describe, watch

SHOUT = """
    from modelmill_sdk import Plugin, hookimpl
    import {library}

    class Shout(Plugin):
        id = "shout"

        def predict(self, model, inputs, params, run):
            return ["HEY" for _ in inputs]

    @hookimpl
    def register_models(register):
        register(Shout)
    """


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    """Begin as a worker that has just been started."""
    _looked_at.clear()


@pytest.mark.django_db
def test_installed_plugins_become_rows_once(settings) -> None:
    settings.PLUGIN_PATHS = [FAKES]
    assert describe() == describe() > 0
    learner = Plugin.objects.get(pk="fake-learner")
    assert learner.release.manifest["train_schema"]["properties"]["steps"]["default"] == 20
    assert Release.objects.filter(plugin=learner).count() == 1


@pytest.mark.django_db
def test_what_is_mended_leaves_quarantine_by_itself(tmp_path, settings) -> None:
    environment_make(tmp_path / "own")
    packages = packages_of(tmp_path / "own")
    plugin_install(packages, "shout", SHOUT.format(library="a_missing_library"))
    settings.PLUGIN_ENVIRONMENTS = [tmp_path / "own"]
    describe()
    assert "No module named 'a_missing_library'" in Quarantined.objects.get().traceback
    assert not watch()

    (packages / "a_missing_library").mkdir()
    assert watch(), "something was installed"
    assert not Quarantined.objects.exists()
    assert Plugin.objects.get(pk="shout").state == "available"
    assert not watch()


@pytest.mark.django_db
def test_what_is_in_quarantine_is_looked_at_again_after_a_while(tmp_path, settings) -> None:
    settings.PLUGIN_PATHS = [FAKES]
    Quarantined.objects.create(entry_point="gone", traceback="a library was away")
    assert not watch()
    Quarantined.objects.update(seen_at=timezone.now() - timedelta(hours=1))
    assert watch()
    assert not Quarantined.objects.exists()


@pytest.mark.django_db
def test_a_base_model_that_comes_or_goes_is_looked_at(tmp_path, monkeypatch, settings) -> None:
    settings.PLUGIN_PATHS = [FAKES]
    monkeypatch.setenv("MODELMILL_BASE_MODELS", str(tmp_path))
    assert not watch()
    (tmp_path / "encoder").mkdir()
    assert watch()
    (tmp_path / "encoder" / "config.json").write_text("{}")
    assert watch()
    assert not watch()


@pytest.mark.django_db
def test_a_base_model_of_pickles_is_left_out_and_the_operator_told_why(
    tmp_path, monkeypatch, settings
) -> None:
    settings.PLUGIN_PATHS = []
    monkeypatch.setenv("MODELMILL_BASE_MODELS", str(tmp_path))
    folder = tmp_path / "old-bert"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert", "vocab_size": 9}')
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weights": [1.0]}, protocol=2))
    with capture_logs() as log:
        describe()
    told = {
        (line["plugin"], line["folder"], line["reason"])
        for line in log
        if line["event"] == "catalog.base_left_out"
    }
    expected = {"embeddings", "text-classification", "text-generation"}
    assert told == {(plugin, "old-bert", PICKLED) for plugin in expected}
    for plugin in expected:
        manifest = Plugin.objects.get(pk=plugin).release.manifest
        assert manifest["left_out"] == [{"folder": "old-bert", "reason": PICKLED}]
    assert Plugin.objects.get(pk="embeddings").release.manifest["installed"] == []
