"""A text that is read many times comes in other tokens each time."""

import pytest
import torch
from modelmill_sdk.protocol import Log
from modelmill_sdk.testing import Recorder, train_once
from modelmill_text_generation.batches import Windows
from modelmill_text_generation.corpus import encode_rows, layout_of
from modelmill_text_generation.params import TrainParams
from modelmill_text_generation.plans import settle_plan
from modelmill_text_generation.plugin import TextGeneration
from modelmill_text_generation.redrawing import Redrawing
from modelmill_text_generation.vocabularies import new_tokenizer

from .conftest import TINY, chinese, sentences
from .test_training import same, weights


@pytest.mark.parametrize("write", [sentences, chinese])
def test_each_round_says_the_same_in_other_tokens(write):
    rows = write(400)
    layout = layout_of(rows, rows="passages", kind="text")
    tokenizer = new_tokenizer(rows, kind="bpe", vocabulary=600)
    text = tokenizer.decode(encode_rows(rows, tokenizer, layout=layout).run.tolist())
    redrawing = Redrawing(rows, tokenizer, layout=layout, seed=1)

    first, second = redrawing.at(1), redrawing.at(2)

    assert tokenizer.decode(first.tolist()) == tokenizer.decode(second.tolist()) == text
    assert first.tolist() != second.tolist()
    assert redrawing.at(1).equal(first)
    assert Redrawing(rows, tokenizer, layout=layout, seed=1).at(2).equal(second)
    assert not Redrawing(rows, tokenizer, layout=layout, seed=2).at(1).equal(first)


def test_a_batch_between_two_rounds_has_rows_of_both():
    tokens = {1: torch.arange(1_000, 1_050), 2: torch.arange(2_000, 2_050)}
    windows = Windows(torch.arange(41), context=8, batch=3, seed=0, redrawn=tokens.__getitem__)

    rounds = [windows.at(step).inputs[:, 0] // 1_000 for step in (1, 2, 3, 4)]

    # Four stretches a round, three a batch.
    assert torch.cat(rounds).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert windows.at(2).inputs.equal(windows.at(2).inputs)


@pytest.mark.training
def test_a_resumed_training_draws_the_same_tokens(english, tmp_path):
    params = {**TINY, "steps": 60, "dropout": 0.3, "tokenizer": "bpe", "vocabulary": 320}
    recorder = Recorder()
    whole, _ = train_once(
        *(TextGeneration, english, params, tmp_path / "whole"),
        seed=5,
        checkpoint_every_s=0,
        recorder=recorder,
    )
    saved = tmp_path / "whole" / "checkpoints" / "step-000000041"

    resumed, _ = train_once(
        TextGeneration, english, params, tmp_path / "rest", seed=5, resume_dir=saved
    )

    logs = [message.message for message in recorder.messages if isinstance(message, Log)]
    assert any("other tokens for each round" in log for log in logs)
    assert same(weights(whole), weights(resumed))


@pytest.mark.parametrize(
    ("tokens", "dropout", "is_redrawn"),
    [(100_000, 0.3, True), (100_000_000, 0.2, False), (1_000_000_000, 0.0, False)],
)
def test_a_small_text_is_read_often_and_held_back_the_more(tokens, dropout, is_redrawn):
    plan = settle_plan(TrainParams(), device="cuda", token_count=tokens, base_context=None)

    assert (plan.dropout, plan.is_redrawn) == (dropout, is_redrawn)
    assert plan.attention_dropout == pytest.approx(dropout / 3)
