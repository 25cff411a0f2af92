"""Describing the installed plugins: the broken ones in quarantine, the rest untouched."""

import textwrap
from pathlib import Path

import pytest
from modelmill_sdk.placeholders import EXAMPLE

from workers.hosts import describe_plugins

FAKES = Path(__file__).parents[1] / "fakes"


@pytest.fixture
def install(tmp_path: Path):
    """Install a module as a distribution with an entry point, in a folder of its own."""

    def write(name: str, source: str) -> Path:
        folder = tmp_path / name
        described = folder / f"{name}-1.0.dist-info"
        described.mkdir(parents=True)
        (folder / f"{name}.py").write_text(textwrap.dedent(source))
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (described / "entry_points.txt").write_text(f"[modelmill]\n{name} = {name}\n")
        return folder

    return write


def described(*paths: Path, **options: float):
    """Give the ids that come from the paths, and the broken entry points by name."""
    found = describe_plugins(python_paths=paths, **options)
    broken = {item.entry_point: item for item in found.broken}
    return [item.plugin_id for item in found.items], broken


def test_an_installed_plugin_is_described() -> None:
    found = describe_plugins(python_paths=(FAKES,))
    (manifest,) = [item for item in found.items if item.plugin_id == "fake-stepper"]
    assert manifest.distribution == "modelmill-fakes"
    assert manifest.version == "1.0"
    assert manifest.entry_point == "fakes"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import no_such_library", "No module named 'no_such_library'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit('not on this machine')", "not on this machine"),
        ("x = 1", "registers no plugin"),
        ("import os; os._exit(9)", "ended with exit code 9"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("print('garbage'); raise ValueError('after garbage')", "after garbage"),
    ],
)
def test_a_broken_plugin_is_quarantined_and_the_rest_go_on(install, source, says) -> None:
    ids, broken = described(install("badplugin", source), FAKES)
    assert "fake-stepper" in ids
    assert says in broken["badplugin"].traceback
    assert broken["badplugin"].distribution == "badplugin"


def test_a_plugin_that_never_finishes_importing_is_quarantined(install) -> None:
    slow = install("slowplugin", "import time; time.sleep(3600)")
    ids, broken = described(slow, FAKES, timeout_s=10)
    assert "fake-stepper" in ids
    assert "did not answer within 10 s" in broken["slowplugin"].traceback


SPOKEN = """
    import gc
    from modelmill_sdk.host.control import Control
    from modelmill_sdk.manifest import Broken
    from modelmill_sdk.origins import Origin
    from modelmill_sdk.protocol import Describing, Manifests

    (control,) = [one for one in gc.get_objects() if isinstance(one, Control)]
    fakes = {"entry_point": "fakes", "distribution": "modelmill-fakes"}
    """
FORGED = {
    "speaks for others": "control.tell(Manifests(broken=[Broken(**fakes, traceback='Broken.')]))",
    "takes another's place": """
    control.tell(Describing(origin=Origin(**fakes)))
    raise ImportError("as those of modelmill-fakes")
    """,
    "never stops talking": """
    while True:
        control.tell(Describing(origin=Origin(**fakes)))
    """,
}


@pytest.mark.parametrize("how", FORGED)
def test_a_plugin_can_only_break_itself(install, how: str) -> None:
    forger = install("forger", textwrap.dedent(SPOKEN) + textwrap.dedent(FORGED[how]))
    ids, broken = described(forger, FAKES, timeout_s=10)
    assert "fake-stepper" in ids
    assert list(broken) == ["forger"]
    assert broken["forger"].distribution == "forger"


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("entry_points.txt", b"[modelmill]\nclumsy = \xff", "UnicodeDecodeError"),
        ("entry_points.txt", b"[modelmill]\n" + b"x" * 121 + b" = clumsy", "at most 120"),
        (
            "entry_points.txt",
            b"[modelmill]\n" + b"\n".join(b"p%d = clumsy" % number for number in range(51)),
            "more than 50 entry points",
        ),
        ("METADATA", b"Metadata-Version: 2.1\nVersion: 1.0\n", ""),
    ],
)
def test_a_package_that_is_packed_badly_is_in_nobodys_way(install, file, content, says) -> None:
    folder = install("clumsy", "x = 1")
    (folder / "clumsy-1.0.dist-info" / file).write_bytes(content)
    found = describe_plugins(python_paths=(folder, FAKES))
    assert "fake-stepper" in [item.plugin_id for item in found.items]
    (broken,) = found.broken
    assert says in broken.traceback


def test_a_folder_that_bears_anothers_name_does_not_speak_for_it(install) -> None:
    thief = install("athief", "raise SystemExit('imported')")
    described_as = thief / "athief-1.0.dist-info" / "METADATA"
    described_as.write_text("Metadata-Version: 2.1\nName: modelmill-fakes\nVersion: 1.0\n")
    (described_as.parent / "entry_points.txt").write_text("[modelmill]\nfakes = athief\n")
    found = describe_plugins(python_paths=(thief, FAKES))
    assert "fake-stepper" in [item.plugin_id for item in found.items]
    assert found.broken == []


def test_what_a_plugin_shows_is_bounded(install, monkeypatch) -> None:
    from workers.hosts import describing

    monkeypatch.setattr(describing, "_MOST_PICTURE_BYTES", 30)
    folder = install("shown", SHOWN.replace('"words.txt"', '"second.png"'))
    for name in ("first_try.png", "second.png", "no-picture.png"):
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n" + name.encode())
    (folder / "card.md").write_text("# About")
    found = describe_plugins(python_paths=(folder,))
    assert len(found.pictures) == 1


def test_one_bad_class_does_not_hide_its_sister(install) -> None:
    ids, broken = described(
        install(
            "twoclasses",
            """
            from modelmill_sdk import Plugin, hookimpl

            class Good(Plugin):
                id = "good-sister"
                def predict(self, model, inputs, params, run):
                    return [str(one) for one in inputs]

            class Bad(Plugin):
                id = "Bad Sister"

            @hookimpl
            def register_models(register):
                register(Bad)
                register(Good)
            """,
        )
    )
    assert "good-sister" in ids
    assert "Bad.id must be like" in broken["twoclasses"].traceback


COPIES = """
    from modelmill_sdk import Plugin, hookimpl

    class Copy(Plugin):
        id = "fake-stepper"
        def predict(self, model, inputs, params, run):
            return []

    class Again(Copy):
        pass

    @hookimpl
    def register_models(register):
        register(Copy)
        register(Again)
    """


def test_an_id_that_is_taken_takes_nothing_from_whoever_had_it(install) -> None:
    """Which of two distributions may have an id is the catalogue's to say: it knows who had it."""
    found = describe_plugins(python_paths=(FAKES, install("acopy", COPIES)))
    claims = [item.distribution for item in found.items if item.plugin_id == "fake-stepper"]
    assert claims == ["acopy", "modelmill-fakes"]
    (twice,) = found.broken
    assert "The id 'fake-stepper' is registered twice in acopy" in twice.traceback


SHOWN = """
    from modelmill_sdk import Plugin, hookimpl

    class Shown(Plugin):
        id = "shown"
        card = "card.md"
        samples = ("first_try.png", "words.txt", "no-picture.png")

        def predict(self, model, inputs, params, run):
            return []

    @hookimpl
    def register_models(register):
        register(Shown)
    """


def test_what_a_plugin_ships_to_be_shown_is_taken_along(install) -> None:
    folder = install("shown", SHOWN)
    picture = b"\x89PNG\r\n\x1a\n and so on"
    (folder / "first_try.png").write_bytes(picture)
    (folder / "words.txt").write_text("Once there was a mill.")
    (folder / "no-picture.png").write_text("<svg onload='alert(1)'/>")
    (folder / "card.md").write_text("# About")
    found = describe_plugins(python_paths=(folder,))
    (manifest,) = [item for item in found.items if item.plugin_id == "shown"]
    first, words = manifest.samples
    assert (first.name, first.kind, first.media_type) == ("First try", "image", "image/png")
    assert first.path is None and found.pictures[first.sha256] == picture
    assert (words.kind, words.text) == ("text", "Once there was a mill.")
    assert manifest.card == "# About"


UNFINISHED = """
    from modelmill_sdk import Plugin, hookimpl

    class Unfinished(Plugin):
        id, author, card = "unfinished", "Your name", "card.md"

        def predict(self, model, inputs, params, run):
            return inputs

    @hookimpl
    def register_models(register):
        register(Unfinished)
    """


def test_what_the_author_has_not_said_yet_reaches_no_customer(install) -> None:
    folder = install("unfinished", UNFINISHED)
    (folder / "card.md").write_text(
        f"## What it is for\n\nTwice as loud.\n\n{EXAMPLE}\n\n"
        "## Limits\n\nSay what it cannot do, and what it gets wrong.\n"
    )
    found = describe_plugins(python_paths=(folder,)).items
    (manifest,) = [one for one in found if one.plugin_id == "unfinished"]
    assert manifest.author == ""
    assert manifest.card.strip() == "## What it is for\n\nTwice as loud."


def test_a_sample_that_is_not_there_or_lies_elsewhere_is_refused(install, tmp_path) -> None:
    folder = install("shown", SHOWN)
    _, broken = described(folder)
    assert "names card.md, which is no file beside its module" in broken["shown"].traceback
    (tmp_path / "secret.md").write_text("a secret")
    (folder / "card.md").symlink_to(tmp_path / "secret.md")
    _, broken = described(folder)
    assert "no file beside its module" in broken["shown"].traceback
