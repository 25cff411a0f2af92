"""Tiny texts, tiny models and one short training that many tests look at."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from modelmill_sdk.testing import dataset_write, train_once
from modelmill_text_generation.networks import SHAPES, Shape
from modelmill_text_generation.plugin import TextGeneration

TINY = {"steps": 24, "batch": 4, "context": 32, "tokenizer": "characters", "patience": 0}
_WHO = ["The miller", "Her brother", "A grey cat", "The old baker", "Nobody"]
_DID = ["carried", "counted", "hid", "weighed", "sold"]
_WHAT = ["the flour", "seven sacks", "a silver coin", "the last loaf", "the key"]
_ZH = (
    ["磨坊主", "他的弟弟", "灰猫", "老面包师"],
    ["背着", "数着", "藏起", "卖掉"],
    ["面粉。", "七个袋子。", "银币🙂。"],
)


def sentences(count: int, *, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [
        f"{draw.choice(_WHO)} {draw.choice(_DID)} {draw.choice(_WHAT)} on day {draw.randrange(99)}."
        for _ in range(count)
    ]


def chinese(count: int, *, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choice(words) for words in _ZH) for _ in range(count)]


def text_data(folder: Path, texts: list[str], *, held: int = 10) -> Path:
    rows = [{"text": text} for text in texts]
    return dataset_write(folder, "text", train=rows[held:], validation=rows[:held])


@pytest.fixture(scope="session", autouse=True)
def a_tiny_that_is_tinier() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SHAPES, "tiny", Shape(layers=2, width=64, heads=2))
        yield


@pytest.fixture(scope="session")
def english(tmp_path_factory) -> Path:
    return text_data(tmp_path_factory.mktemp("english") / "data", sentences(120))


@pytest.fixture(scope="session")
def trained(english, tmp_path_factory) -> tuple[Path, dict]:
    """A character model of a few steps: its folder and its metrics."""
    return train_once(TextGeneration, english, TINY, tmp_path_factory.mktemp("trained"), seed=3)


@pytest.fixture(scope="session")
def model_dir(trained) -> Path:
    return trained[0]


@pytest.fixture(scope="session")
def trained_chinese(tmp_path_factory) -> Path:
    """A byte-pair model with so few merges that most characters take several tokens."""
    data = text_data(tmp_path_factory.mktemp("chinese") / "data", chinese(200))
    params = {**TINY, "tokenizer": "bpe", "vocabulary": 260, "steps": 100}
    return train_once(TextGeneration, data, params, data.parent / "work")[0]


@pytest.fixture(scope="session")
def base_root(english, tmp_path_factory) -> Path:
    """A folder of base models with one in it, as an operator would install it: random weights."""
    import torch
    from modelmill_text_generation.vocabularies import new_tokenizer
    from transformers import LlamaConfig, LlamaForCausalLM

    root = tmp_path_factory.mktemp("bases")
    tokenizer = new_tokenizer(sentences(300), kind="bpe", vocabulary=320)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=64,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    model.save_pretrained(root / "tiny-llama")
    tokenizer.save_pretrained(root / "tiny-llama")
    return root
