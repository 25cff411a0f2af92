"""On a CUDA device: it learns in bfloat16, writes, and fine-tunes an int8 base."""

import time

import pytest
import torch
from modelmill_sdk.bases import ROOT_VARIABLE
from modelmill_sdk.learning.graphs import Graphed
from modelmill_sdk.protocol import Log
from modelmill_sdk.testing import Recorder, predict_once, train_once
from modelmill_text_generation.plugin import TextGeneration

from .conftest import sentences, text_data

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
]


def test_it_learns_and_writes_on_a_gpu(tmp_path):
    data = text_data(tmp_path / "data", sentences(2_000), held=100)
    recorder, began = Recorder(), time.monotonic()
    params = {"steps": 200, "size": "small", "sample_prompt": "The miller"}
    model_dir, metrics = train_once(TextGeneration, data, params, device="cuda", recorder=recorder)
    logs = [message.message for message in recorder.messages if isinstance(message, Log)]
    print(
        f"\n{torch.cuda.get_device_name()}: {metrics['tokens_seen']:,.0f} tokens in "
        f"{time.monotonic() - began:.1f} s, {metrics['bits_per_character']:.3f} bits a character"
    )
    print("\n".join(logs))

    # A day is a number below 99: less than 0.5 bits a character are not to be had by guessing.
    assert metrics["bits_per_character"] < 0.6
    [text] = predict_once(
        TextGeneration, model_dir, [{"prompt": "The"}], {"max_tokens": 30}, 1, device="cuda"
    )
    print(text)
    assert text


def test_a_graph_changes_nothing_but_the_time(tmp_path, monkeypatch):
    data = text_data(tmp_path / "data", sentences(2_000), held=100)
    params = {"steps": 60, "size": "small", "dropout": 0.2, "patience": 0, "precision": "float32"}

    def loss_of(folder):
        began = time.monotonic()
        _, metrics = train_once(TextGeneration, data, params, tmp_path / folder, device="cuda")
        return metrics["heldout_loss"], time.monotonic() - began

    graphed, graphed_s = loss_of("graphed")
    monkeypatch.setattr(Graphed, "__call__", lambda self: self._work())
    plain, plain_s = loss_of("plain")
    print(f"\n{torch.cuda.get_device_name()}: {graphed_s:.1f} s, else {plain_s:.1f} s")

    # The same seeds drop the same places; a GPU adds up in no fixed order.
    assert graphed == pytest.approx(plain, rel=0.01)


def test_an_int8_base_is_tuned_on_a_gpu(base_root, tmp_path, monkeypatch):
    monkeypatch.setenv(ROOT_VARIABLE, str(base_root))
    data = text_data(tmp_path / "data", sentences(400))
    params = {
        **{"method": "lora", "base": "tiny-llama", "base_weights": "int8", "steps": 30},
        **{"context": 32, "batch": 8, "learning_rate": 0.01, "int8": True},
    }
    _, metrics = train_once(TextGeneration, data, params, device="cuda")
    print(f"\n{torch.cuda.get_device_name()}: {metrics}")

    assert metrics["heldout_loss"] < 5.5
