"""``mill-plugin run predict`` with what an author gets wrong: one line that says what to do."""

import json
from pathlib import Path

import pytest
from modelmill_sdk.tools.__main__ import main

PLUGIN = """
import json
from modelmill_sdk import Params, Plugin, hookimpl


class Toy(Plugin):
    id = "toy"
    accepts = ("text",)

    class Input(Params):
        prompt: str

    class PredictParams(Params):
        loud: bool = False

    def train(self, run):
        self.save(run.model_dir, {})

    def load(self, folder, device):
        return json.loads((folder / "model.json").read_text())

    def predict(self, model, inputs, params, run):
        return [model[one.prompt] for one in inputs]


class Loud(Plugin):
    id = "loud"

    class Input(Params):
        text: str

    def predict(self, model, inputs, params, run):
        return [one.text.upper() for one in inputs]


@hookimpl
def register_models(register):
    register(Toy)
    register(Loud)
"""
MODEL = "run/model"
GIVEN = ("--input", "prompt=mill")


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Path:
    """A plugin's file, a model, and files that are wrong in one way each."""
    folder = tmp_path_factory.mktemp("author")
    (folder / "author_messages.py").write_text(PLUGIN)
    (folder / MODEL).mkdir(parents=True)
    (folder / MODEL / "model.json").write_text(json.dumps({"mill": "stone"}))
    (folder / "empty").mkdir()
    (folder / "good.jsonl").write_text('{"prompt": "mill"}\n\n{"prompt": "mill"}\n')
    (folder / "bad.jsonl").write_text('{"prompt": "mill"}\n\n{prompt: mill}\n')
    (folder / "list.jsonl").write_text('["mill"]\n')
    (folder / "void.jsonl").write_text("\n")
    (folder / "latin.jsonl").write_bytes(b"\xff\xfe")
    return folder


@pytest.fixture
def predict(bench, monkeypatch, capsys):
    monkeypatch.chdir(bench)

    def run(*words: str, plugin_id: str = "toy") -> tuple[int, str, str]:
        found = ("--plugin", "author_messages.py", "--id", plugin_id)
        status = main(["run", "predict", *found, *words])
        out, error = capsys.readouterr()
        return status, out, error

    return run


def test_what_is_right_is_done(predict) -> None:
    status, out, _error = predict(MODEL, "--inputs", "good.jsonl")
    assert (status, out) == (0, "stone\nstone\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (GIVEN, "Name the folder of a trained model, such as mill-run/model."),
        (("nowhere", *GIVEN), "There is no folder of a model at nowhere; name the folder that"),
        (("good.jsonl", *GIVEN), "There is no folder of a model at good.jsonl; name the folder"),
        (("empty", *GIVEN), "empty is empty; train first, or name another folder."),
        (("run", *GIVEN), "run has no model.json, which load() of toy reads; did you mean "),
        ((MODEL, "--input", "mill"), "'mill' is not NAME=VALUE; write it as in prompt=The."),
        ((MODEL, "--input", "prompt=@gone"), "gone is not there (No such file or directory);"),
        ((MODEL, "--input", "prompt=@latin.jsonl"), "latin.jsonl is not a text in UTF-8;"),
        ((MODEL, "--inputs", "bad.jsonl"), "bad.jsonl, line 3 is not JSON (Expecting property"),
        ((MODEL, "--inputs", "list.jsonl"), "list.jsonl, line 1 is no object; write one, such as"),
        ((MODEL, "--inputs", "void.jsonl"), "void.jsonl has no input in it; write one a line,"),
        ((MODEL, "--inputs", "latin.jsonl"), "latin.jsonl is not a text in UTF-8;"),
        ((MODEL, "--inputs", "gone.jsonl"), "gone.jsonl is not there (No such file or directory);"),
        ((MODEL, "--inputs", "empty"), "empty cannot be read (Is a directory); name a file"),
        ((MODEL, "--inputs", "good.jsonl", *GIVEN), "Give either --input or --inputs, not both."),
        ((MODEL, "--out", "good.jsonl", *GIVEN), "--out good.jsonl is a file; name a folder"),
    ],
)
def test_a_misuse_is_one_line_that_says_what_to_do(predict, words, said) -> None:
    status, out, error = predict(*words)
    assert (status, out) == (2, "")
    assert len(error.splitlines()) == 1
    assert error.removeprefix("mill-plugin: ").replace(f"{Path.cwd()}/", "").startswith(said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "inputs.0.prompt is missing; it must be given."),
        (
            ("--input", "colour=red", *GIVEN),
            "inputs.0.colour is not known here; there are: prompt.",
        ),
        (("--input", "prompt=5"), "inputs.0.prompt: Input should be a valid string."),
        ((*GIVEN, "--param", "max=9"), "max is not known here; there are: loud."),
    ],
)
def test_what_a_customer_would_read_is_shown_once(predict, words, said) -> None:
    status, _out, error = predict(MODEL, *words)
    assert (status, error) == (1, f"A customer would read: {said}\n")


def test_a_model_for_a_plugin_without_training_can_be_left_out(predict) -> None:
    assert predict("--input", "text=mill", plugin_id="loud")[1] == "MILL\n"
    _status, _out, error = predict("nowhere", "--input", "text=mill", plugin_id="loud")
    assert error.endswith("loud does not train, so leave it out.\n")


def test_an_id_that_the_folder_does_not_bring_names_those_it_does(predict) -> None:
    _status, _out, error = predict(MODEL, *GIVEN, plugin_id="tou")
    said = "author_messages.py brings no plugin 'tou'; there are: toy, loud."
    assert error == f"mill-plugin: {said}\n"


def test_a_mistake_in_the_plugins_own_code_keeps_its_traceback(predict) -> None:
    with pytest.raises(KeyError, match="pond"):
        predict(MODEL, "--input", "prompt=pond")
