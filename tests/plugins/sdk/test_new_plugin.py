"""A new plugin: short, whole, and right before anybody has touched it."""

import json
import subprocess
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from modelmill_sdk.placeholders import EXAMPLE
from modelmill_sdk.tools.__main__ import main
from packaging.requirements import Requirement

MOST_S = 10.0


def mill(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modelmill_sdk.tools", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def trained_on_text(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "next-word"
    assert main(["new", "next-word", "--dir", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def only_predicting(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "loud"
    assert main(["new", "loud", "--predict-only", "--dir", str(folder)]) == 0
    return folder


def code_lines(folder: Path) -> list[str]:
    (file,) = folder.glob("src/*/plugin.py")
    return [line for line in file.read_text().splitlines() if line.strip()]


def test_a_plugin_that_trains_takes_at_most_thirty_lines(trained_on_text) -> None:
    assert len(code_lines(trained_on_text)) <= 30


def test_a_plugin_that_only_predicts_takes_at_most_twelve_lines(only_predicting) -> None:
    assert len(code_lines(only_predicting)) <= 12


@pytest.mark.parametrize("kind", ["trained_on_text", "only_predicting"])
def test_it_passes_the_check_untouched_and_soon(kind, request) -> None:
    folder = request.getfixturevalue(kind)
    began = time.monotonic()
    checked = mill("check", folder, "--json")
    took_s = time.monotonic() - began
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (report,) = json.loads(checked.stdout)
    assert report["passed"]
    # A guard against a kit that hangs, and no proof of its speed: the machine may be busy.
    assert report["took_s"] < 3 * MOST_S, took_s


def test_the_check_warns_of_what_nobody_has_said_yet(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.chdir(tmp_path)
    assert mill("new", "loud", "--predict-only").returncode == 0
    said = mill("check", "loud").stdout
    assert "Warning: the author is still 'Your name'" in said
    assert "Warning: the card still says 'This is the example" in said

    card, project = Path("loud/src/loud/card.md"), Path("loud/pyproject.toml")
    card.write_text(card.read_text().replace(f"{EXAMPLE}\n", ""))
    project.write_text(project.read_text().replace("Your name", "Ada Miller"))
    assert "Warning" not in mill("check", "loud").stdout


def test_its_author_is_who_git_knows_or_who_is_named(tmp_path, monkeypatch) -> None:
    settings = tmp_path / "gitconfig"
    settings.write_text('[user]\n\tname = Ada \\"A\\" Miller\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.chdir(tmp_path)
    for words, author in (((), 'Ada "A" Miller'), (("--author", "Bo"), "Bo")):
        name = f"loud{len(words)}"
        assert mill("new", name, "--predict-only", *words).returncode == 0
        project = tomllib.loads(Path(name, "pyproject.toml").read_text())["project"]
        assert project["authors"] == [{"name": author}]


def test_its_card_has_nothing_left_to_fill_in(trained_on_text) -> None:
    card = (trained_on_text / "src" / "next_word" / "card.md").read_text()
    assert EXAMPLE in card and "Say " not in card and "Give a figure" not in card


def test_its_test_is_two_lines_and_a_function(trained_on_text) -> None:
    text = (trained_on_text / "tests" / "test_plugin.py").read_text()
    lines = [line for line in text.splitlines() if line.strip()]
    assert lines[0] == "from modelmill_sdk.testing import check_plugin"
    assert lines[-1].strip() == "check_plugin(NextWord)"
    assert len(lines) == 4


@pytest.mark.parametrize("kind", ["trained_on_text", "only_predicting"])
def test_its_own_test_passes_in_its_own_folder(kind, request) -> None:
    folder = request.getfixturevalue(kind)
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 passed" in tested.stdout


def test_its_project_names_the_entry_point_and_the_licence(trained_on_text) -> None:
    project = tomllib.loads((trained_on_text / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["modelmill"] == {"next-word": "next_word.plugin"}
    assert project["license"] == "Apache-2.0"
    assert [Requirement(one).name for one in project["optional-dependencies"]["dev"]] == ["pytest"]


def test_it_asks_for_this_sdk_and_not_for_any(trained_on_text) -> None:
    project = tomllib.loads((trained_on_text / "pyproject.toml").read_text())["project"]
    (asked,) = map(Requirement, project["dependencies"])
    assert version("modelmill-sdk") in asked.specifier and "99" not in asked.specifier


def test_its_model_card_has_every_heading(trained_on_text) -> None:
    card = (trained_on_text / "src" / "next_word" / "card.md").read_text()
    headings = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert headings[:5] == [
        "What it is for",
        "What it learns from",
        "How well it works",
        "Limits",
        "Sources",
    ]


def test_it_trains_on_its_sample_and_predicts(trained_on_text, tmp_path) -> None:
    trained = mill(
        *("run", "train", trained_on_text / "sample.txt"),
        *("--plugin", trained_on_text),
        cwd=tmp_path,
    )
    assert trained.returncode == 0, trained.stderr
    assert "The model is in mill-run/model" in trained.stderr
    asked = ("run", "predict", "mill-run/model", "--input", "prompt=The")
    predicted = mill(*asked, "--plugin", trained_on_text, cwd=tmp_path)
    assert predicted.returncode == 0, predicted.stderr
    assert predicted.stdout.strip() in (trained_on_text / "sample.txt").read_text().split()


def test_a_name_that_is_no_id_is_refused(tmp_path, capsys) -> None:
    assert main(["new", "My Plugin", "--dir", str(tmp_path / "x")]) == 2
    assert "small letters" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, capsys) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["new", "next-word", "--dir", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
