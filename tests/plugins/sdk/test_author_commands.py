"""The author's command at work: run, pause, resume, check, bench."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from modelmill_sdk.conformance.checks import PROMISES

from tests.terminals import on_a_terminal

FAKES = Path(__file__).parents[2] / "fakes"
MILL = [sys.executable, "-m", "modelmill_sdk.tools"]
STEPPER = ["--plugin", "fakes", "--id", "fake-stepper"]


@pytest.fixture
def environment(monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(FAKES))


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "text.jsonl"
    path.write_text("".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(10)))
    return path


def mill(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MILL, *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_a_training_shows_its_steps_keeps_its_samples_and_names_the_model(
    environment, text, tmp_path
) -> None:
    done = mill("run", "train", text, *STEPPER, "--param", "steps=5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "step 5 of 5  loss 0.2" in done.stderr
    (sample,) = (tmp_path / "mill-run" / "samples").iterdir()
    assert sample.read_text() == "counted to 5"
    asked = ("run", "predict", "mill-run/model", *STEPPER, "--input", "prompt=to")
    predicted = mill(*asked, cwd=tmp_path)
    assert predicted.stdout == "to: 5\n"
    assert "1 tokens_out" in predicted.stderr


TEAM = ("--plugin", "fakes", "--id", "fake-team")


def test_several_devices_have_a_process_each(environment, text, tmp_path) -> None:
    learn = (*TEAM, "--param", "do=learn", "--param", "steps=3")
    done = mill("run", "train", text, *learn, "--devices", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "on 2 devices" in done.stderr and "step 3 of 3" in done.stderr
    model = json.loads((tmp_path / "mill-run" / "model" / "weights.json").read_text())
    assert model["ranks"] == 2


def test_a_failure_of_another_process_is_told(environment, text, tmp_path) -> None:
    fail = (*TEAM, "--param", "do=fail", "--param", "steps=9999", "--param", "step_ms=5")
    failed = mill("run", "train", text, *fail, "--devices", "2", cwd=tmp_path)
    assert failed.returncode not in (0, 130)
    assert "the second process is stuck" in failed.stderr


@pytest.mark.parametrize(
    ("devices", "plugin", "said"),
    [("0", "fakes", "--devices is 1 or more"), ("2", "one.py", "other processes find no single")],
)
def test_devices_that_cannot_be_given_are_refused(
    environment, text, tmp_path, devices, plugin, said
) -> None:
    source = "from modelmill_fakes import register_models\n"
    (tmp_path / "one.py").write_text(source)
    words = ("--plugin", plugin, "--id", "fake-team", "--devices", devices)
    refused = mill("run", "train", text, *words, cwd=tmp_path)
    assert refused.returncode == 2
    assert said in refused.stderr


def test_a_stream_is_printed_piece_by_piece(environment, tmp_path) -> None:
    words = ("--plugin", "fakes", "--id", "fake-speaker", "--input", "prompt=one two three")
    said = mill("run", "predict", *words, "--param", "max_tokens=2", cwd=tmp_path)
    assert said.stdout == "one two\n"


def test_ctrl_c_pauses_with_a_checkpoint_and_resume_goes_on(environment, text, tmp_path) -> None:
    train = [*MILL, "run", "train", str(text), *STEPPER, "--param", "steps=3000"]
    with subprocess.Popen(
        [*train, "--param", "step_ms=5"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("step"):
            pass
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    paused = re.search(r"Paused at step (\d+)\. Go on with the same command and --resume\.", said)
    assert paused, said
    resumed = mill(*train[3:], "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    first = re.search(r"step (\d+) of 3000", resumed.stderr)
    assert first
    assert int(first[1]) == int(paused[1]) + 1


def test_problems_in_the_data_stop_it_before_it_trains(environment, tmp_path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "bad"}\n')
    done = mill("run", "train", path, *STEPPER, cwd=tmp_path)
    assert done.returncode == 1
    assert "row 0, text: This row is bad. Mend it." in done.stderr
    assert not (tmp_path / "mill-run" / "model").exists()


def test_what_a_customer_would_read_is_said_so(environment, text, tmp_path) -> None:
    done = mill("run", "train", text, *STEPPER, "--param", "steps=0", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("A customer would read: steps: ")


def test_a_terminal_gets_a_bar(environment, text, tmp_path) -> None:
    train = ("run", "train", text, *STEPPER, "--param", "steps=5")
    status, shown = on_a_terminal([*MILL, *map(str, train)], cwd=tmp_path)
    assert status == 0
    assert "━".encode() in shown
    assert b"5/5" in shown


@pytest.fixture
def loud(tmp_path) -> Path:
    assert mill("new", "loud", "--predict-only", cwd=tmp_path).returncode == 0
    return tmp_path / "loud"


@pytest.mark.parametrize("words", [("check", "loud"), ("bench", "loud")], ids=lambda w: w[0])
def test_a_check_and_a_bench_show_a_bar_on_a_terminal_and_nowhere_else(
    words, loud, tmp_path
) -> None:
    status, shown = on_a_terminal([*MILL, *words], cwd=tmp_path)
    assert status == 0
    assert "━".encode() in shown
    whole = len(PROMISES) if words[0] == "check" else 3
    assert f"0/{whole}".encode() in shown
    assert f"{whole}/{whole}".encode() in shown
    assert on_a_terminal([*MILL, *words, "--json"], cwd=tmp_path) == (0, b"")
    assert mill(*words, cwd=tmp_path).stderr == ""


def test_several_plugins_and_no_id_is_refused(environment, text, tmp_path) -> None:
    done = mill("run", "train", text, "--plugin", "fakes", cwd=tmp_path)
    assert done.returncode == 2
    assert "choose one with --id" in done.stderr


def test_a_word_that_means_no_plugin_is_refused(tmp_path) -> None:
    done = mill("check", "no-such-plugin", cwd=tmp_path)
    assert done.returncode == 2
    assert "neither a plugin's folder nor a module, nor installed" in done.stderr


def test_a_failed_check_is_told_with_its_fix_and_exit_status_1(tmp_path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(
        "from modelmill_sdk import Plugin, hookimpl\n\n\n"
        "class Broken(Plugin):\n"
        '    id = "broken"\n    description = "Breaks."\n'
        '    author = "A"\n    licence = "MIT"\n\n'
        "    def predict(self, model, inputs, params, run):\n        return inputs[0].nothing\n\n\n"
        "@hookimpl\ndef register_models(register):\n    register(Broken)\n"
    )
    done = mill("check", file, cwd=tmp_path)
    assert done.returncode == 1
    assert "FAILED predicts" in done.stdout
    assert "AttributeError" in done.stdout
    assert "Fix: Mend what the traceback names" in done.stdout


def test_a_module_that_cannot_be_imported_shows_its_traceback(tmp_path) -> None:
    file = tmp_path / "torn.py"
    file.write_text("import a_library_that_nobody_has\n")
    done = mill("check", file, cwd=tmp_path)
    assert done.returncode != 0
    assert "a_library_that_nobody_has" in done.stderr


def test_bench_measures_training_loading_and_predicting(environment, tmp_path) -> None:
    done = mill("bench", "fakes", "--id", "fake-stepper", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert set(figures) == {
        "describe",
        "training, all",
        "training",
        "training, most memory",
        "cold start with model",
        "loaded, most memory",
        "predictions, alone",
    }
    assert all(figure["value"] > 0 for figure in figures.values())
