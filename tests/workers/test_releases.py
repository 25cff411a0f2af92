"""Two releases of one plugin, each in an environment of its own, described, used and guarded."""

from pathlib import Path

import pytest
from modelmill.catalog.models import Plugin, Quarantined, Release
from modelmill.catalog.selectors import release_to_load
from modelmill.core.ids import new_id
from modelmill_sdk.protocol import Failed, Loaded, ModelLoad, PredictDone, PredictStart, Result

from tests.environments import environment_make, packages_of, plugin_install
from workers.hosts import HostDied, HostProcess, HostSpec
from workers.releases import environments_found, release_named, release_paths, release_python
from workers.tasks.catalog import describe

GREETER = """
    import sys
    from modelmill_sdk import Params, Plugin, hookimpl
    from pydantic import Field

    class Greeter(Plugin):
        id = "greeter"

        class Input(Params):
            name: str = Field(description="Whom to greet.")

        def predict(self, model, inputs, params, run):
            return [f"{{self.words}}, {{one.name}}, from {{sys.prefix}}" for one in inputs]

        words = "{words}"

    @hookimpl
    def register_models(register):
        register(Greeter)
    """


@pytest.fixture
def shelf(tmp_path: Path, settings) -> Path:
    """Two environments in one folder, with releases 1.0 and 2.0 of the greeter."""
    for version, words in (("1.0", "Good day"), ("2.0", "Hi")):
        environment_make(tmp_path / "shelf" / version)
        plugin_install(
            packages_of(tmp_path / "shelf" / version),
            "greeter",
            GREETER.format(words=words),
            version=version,
        )
    settings.PLUGIN_ENVIRONMENTS = [tmp_path / "shelf"]
    return tmp_path / "shelf"


def answer(release: Release, folder: Path) -> str:
    """Load a release as the workers do, and let it greet."""
    spec = HostSpec(
        scratch_dir=folder / new_id("host"),
        python=release_python(release),
        python_paths=release_paths(release),
    )
    model_dir = spec.scratch_dir / "model"
    model_dir.mkdir(parents=True)
    with HostProcess.start(spec) as host:
        host.send(ModelLoad(**release_named(release), model_dir=model_dir))
        loaded = host.receive(30)
        if isinstance(loaded, Failed):
            return f"{loaded.code}: {loaded.message}"
        assert isinstance(loaded, Loaded)
        host.send(
            PredictStart(request_id="r", inputs=[{"name": "Ada"}], out_dir=spec.scratch_dir / "out")
        )
        result, done = host.receive(30), host.receive(30)
        assert isinstance(result, Result) and isinstance(done, PredictDone)
        return result.text or ""


@pytest.mark.django_db
def test_each_release_answers_from_its_own_environment(shelf: Path, tmp_path: Path) -> None:
    describe()
    assert Plugin.objects.get(pk="greeter").release.version == "2.0"
    for version, words in (("1.0", "Good day"), ("2.0", "Hi")):
        release = release_to_load(Release.objects.get(plugin_id="greeter", version=version))
        assert release.version == version
        assert answer(release, tmp_path) == f"{words}, Ada, from {shelf / version}"


@pytest.mark.django_db
def test_files_that_change_after_the_look_are_not_loaded(shelf: Path, tmp_path: Path) -> None:
    describe()
    release = Release.objects.get(plugin_id="greeter", version="2.0")
    ran = tmp_path / "ran"
    module = packages_of(shelf / "2.0") / "greeter.py"
    module.write_text(f"open({str(ran)!r}, 'w').close()\n" + module.read_text())
    said = answer(release, tmp_path)
    assert said.startswith("plugin_changed: PluginChanged: The files of greeter have changed")
    assert not ran.exists()


@pytest.mark.django_db
def test_files_that_change_cannot_speak_for_themselves_at_the_next_look(shelf: Path) -> None:
    describe()
    known = Release.objects.get(plugin_id="greeter", version="2.0")
    module = packages_of(shelf / "2.0") / "greeter.py"
    forged = f"""
import modelmill_sdk.describing as described
from modelmill_sdk.origins import Origin
described.origin_of = lambda point: Origin(
    entry_point="greeter", distribution="greeter", version="2.0", digest={known.digest!r}
)
"""
    module.write_text(module.read_text() + forged)
    describe()
    forger = Release.objects.filter(plugin_id="greeter", version="2.0").exclude(pk=known.pk).get()
    assert forger.doubt == Release.Doubt.DIGEST
    known.refresh_from_db()
    assert known.state == Release.State.MISSING
    assert Plugin.objects.get(pk="greeter").release.version == "1.0"


@pytest.mark.django_db
def test_an_environment_without_the_sdk_is_in_quarantine_and_the_other_goes_on(shelf: Path) -> None:
    (packages_of(shelf / "1.0") / "sdk.pth").unlink()
    describe()
    broken = Quarantined.objects.get(python=str(shelf / "1.0" / "bin" / "python"))
    assert "No module named 'modelmill_sdk'" in broken.traceback
    assert Plugin.objects.get(pk="greeter").release.version == "2.0"


def test_environments_are_named_one_by_one_or_by_the_folder(tmp_path: Path, settings) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "python").touch()
    pythons = [tmp_path / name / "bin" / "python" for name in ("a", "b")]
    settings.PLUGIN_ENVIRONMENTS = [tmp_path]
    assert environments_found() == pythons
    settings.PLUGIN_ENVIRONMENTS = [tmp_path / "b", tmp_path / "nowhere"]
    assert environments_found() == pythons[1:]


def test_an_interpreter_that_is_gone_is_a_death_and_no_crash(tmp_path: Path) -> None:
    with pytest.raises(HostDied) as death:
        HostProcess.start(HostSpec(scratch_dir=tmp_path / "s", python=tmp_path / "no" / "python"))
    assert "could not be started" in str(death.value)
