import json
from itertools import pairwise

import pytest
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import Log, Progress, Sample
from modelmill_sdk.testing import Recorder, dataset_write, train_once
from modelmill_text_generation.plugin import TextGeneration
from safetensors.torch import load_file

from .conftest import TINY, sentences, text_data

pytestmark = pytest.mark.training


def weights(model_dir):
    return load_file(model_dir / "model.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(one[key].equal(other[key]) for key in one)


def test_it_learns_and_says_how_well(trained):
    model_dir, metrics = trained

    assert metrics["heldout_loss"] < 3.0
    assert metrics["perplexity"] == pytest.approx(2.718281828 ** metrics["heldout_loss"])
    # One token is one character here, but for the end of the text.
    bits = metrics["heldout_loss"] / 0.6931471805
    assert metrics["bits_per_character"] == pytest.approx(bits, rel=0.05)
    assert metrics["bits_per_byte"] == pytest.approx(metrics["bits_per_character"])
    assert {path.suffix for path in model_dir.iterdir()} == {".json", ".safetensors"}


def test_its_folder_opens_with_transformers(model_dir):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(model_dir)
    tokenizer = AutoTokenizer.from_pretrained(model_dir)

    assert model.config.vocab_size == len(tokenizer)
    assert tokenizer.decode(tokenizer("The miller sold")["input_ids"]) == "The miller sold"
    assert json.loads((model_dir / "config.json").read_text())["model_type"] == "qwen3"


def test_the_same_seed_gives_the_same_weights(trained, english, tmp_path):
    again, _ = train_once(TextGeneration, english, TINY, tmp_path, seed=3)
    other, _ = train_once(TextGeneration, english, TINY, tmp_path / "other", seed=4)

    assert same(weights(trained[0]), weights(again))
    assert not same(weights(trained[0]), weights(other))


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_resumed_training_ends_with_the_same_weights(english, tmp_path, optimizer):
    params = {**TINY, "steps": 12, "optimizer": optimizer, "dropout": 0.1, "tokenizer": "bpe"}
    whole, _ = train_once(
        TextGeneration, english, params, tmp_path / "whole", seed=5, checkpoint_every_s=0
    )
    saved = tmp_path / "whole" / "checkpoints" / "step-000000007"

    resumed, _ = train_once(
        TextGeneration, english, params, tmp_path / "rest", seed=5, resume_dir=saved
    )

    assert {path.suffix for path in saved.rglob("*.*")} == {".json", ".safetensors"}
    assert same(weights(whole), weights(resumed))


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_resumed_training_goes_on_in_its_precision(english, tmp_path, is_kept) -> None:
    params = {**TINY, "steps": 6}
    half = {**params, "precision": "bfloat16"}
    whole, _ = train_once(
        TextGeneration, english, half, tmp_path / "whole", seed=5, checkpoint_every_s=0
    )
    saved = tmp_path / "whole" / "checkpoints" / "step-000000003"
    if not is_kept:
        state = json.loads((saved / "state.json").read_text())
        del state["is_half"]
        (saved / "state.json").write_text(json.dumps(state))
    recorder = Recorder()
    resumed, _ = train_once(
        TextGeneration,
        english,
        params,
        tmp_path / "rest",
        seed=5,
        resume_dir=saved,
        recorder=recorder,
    )

    logs = [message.message for message in recorder.messages if isinstance(message, Log)]
    # A checkpoint of the first release does not tell, so what is asked for is looked at anew.
    assert f"Computing in {'bfloat16' if is_kept else 'float32'}." in logs
    assert same(weights(whole), weights(resumed)) is is_kept


def test_it_shows_progress_and_samples(english, tmp_path):
    recorder = Recorder()
    params = {**TINY, "steps": 6, "sample_prompt": "The miller"}
    train_once(TextGeneration, english, params, tmp_path, recorder=recorder)

    progress = [message for message in recorder.messages if isinstance(message, Progress)]
    samples = [message for message in recorder.messages if isinstance(message, Sample)]
    assert all(earlier.step <= later.step for earlier, later in pairwise(progress))
    assert progress[-1].step == progress[-1].total == 6
    expected = {"loss", "learning_rate", "tokens_per_second", "heldout_loss", "perplexity"}
    assert expected <= progress[-1].metrics.keys()
    assert samples
    assert all(sample.text.startswith("The miller") for sample in samples)


def test_it_stops_when_it_only_learns_by_heart(tmp_path):
    data = dataset_write(
        tmp_path / "data",
        "text",
        train=[{"text": text} for text in sentences(30)],
        validation=[{"text": "Zebras xylophone quickly!"}] * 5,
    )
    recorder = Recorder()
    params = {**TINY, "steps": 200, "patience": 2, "learning_rate": 0.02}
    train_once(TextGeneration, data, params, recorder=recorder)

    last = [message for message in recorder.messages if isinstance(message, Progress)][-1]
    logs = [message.message for message in recorder.messages if isinstance(message, Log)]
    assert last.step < 200
    assert any("best read at step" in line for line in logs)


def test_a_loss_that_is_no_number_is_explained(english, tmp_path):
    params = {**TINY, "learning_rate": 1.0, "optimizer": "adamw", "steps": 40}
    from modelmill_text_generation import training

    def broken(model, batch, precision):
        loss = next(model.parameters()).sum()
        return loss * float("nan")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(CustomerError) as raised:
        patch.setattr(training, "loss_sum", broken)
        train_once(TextGeneration, english, params, tmp_path)
    assert raised.value.param == "learning_rate"
    assert "at step 1: loss is no longer a number" in raised.value.message


def test_it_learns_conversations_and_evaluates(tmp_path):
    messages = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Yes."}]}
        for text in sentences(60)
    ]
    data = dataset_write(tmp_path / "data", "conversations", train=messages[6:], test=messages[:6])
    model_dir, metrics = train_once(TextGeneration, data, {**TINY, "steps": 8})

    from modelmill_sdk.data import TrainData
    from modelmill_text_generation.params import TrainParams

    class Run:
        data = TrainData(tmp_path / "data", cache_dir=tmp_path / "cache")
        params = TrainParams()
        device = "cpu"

    run = Run()
    run.model_dir = model_dir
    assert metrics["heldout_loss"] > 0
    assert TextGeneration().evaluate(run)["bits_per_byte"] > 0


def test_too_little_text_is_refused_in_train(tmp_path):
    data = text_data(tmp_path / "data", sentences(12), held=2)

    with pytest.raises(CustomerError, match="needs at least 1,000"):
        train_once(TextGeneration, data, TINY)
