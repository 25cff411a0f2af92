"""Sentences split for learning and measuring, and one short training that many tests look at."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modelmill_sdk.testing import dataset_write, train_once
from modelmill_text_classification.plugin import TextClassification

from tests.plugins.text_classification.small import TOPICS, Row, sentences

Trained = tuple[Path, dict[str, Any]]


def texts_write(folder: Path, rows: list[Row], *, label_names: list[str], **columns: Any) -> Path:
    """Shuffle, split into learned, held out and test, and write as the platform would."""
    order = np.random.default_rng(5).permutation(len(rows))
    numbered = [{**rows[at], "label": label_names.index(rows[at]["label"])} for at in order]
    first, second = len(rows) * 7 // 10, len(rows) * 8 // 10
    return dataset_write(
        folder,
        "labelled_text",
        train=numbered[:first],
        validation=numbered[first:second],
        test=numbered[second:],
        label_names=label_names,
    )


@pytest.fixture(scope="session")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """English sentences of four topics."""
    folder = tmp_path_factory.mktemp("topics") / "data"
    return texts_write(folder, list(sentences()), label_names=list(TOPICS))


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred and fifty of them, for what is not about quality."""
    folder = tmp_path_factory.mktemp("few") / "data"
    rows = [row for row in sentences() if row["label"] in ("coding", "emotion")][120:270]
    return texts_write(folder, rows, label_names=["coding", "emotion"])


@pytest.fixture(scope="session")
def linear(topics: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The linear model of the four topics, and what was measured of it."""
    work = tmp_path_factory.mktemp("linear")
    return train_once(TextClassification, topics, {"method": "linear"}, work, seed=1)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A BERT of two layers that knows nothing yet, with a tokenizer of the sentences."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path / "bases" / "tiny-bert"
    folder.mkdir(parents=True)
    pieces = BertWordPieceTokenizer()
    pieces.train_from_iterator((row["text"] for row in sentences()), vocab_size=800)
    pieces.save_model(str(folder))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=pieces.get_vocab_size(),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
    )
    torch.manual_seed(1)
    BertModel(config).save_pretrained(folder)
    monkeypatch.setenv("MODELMILL_BASE_MODELS", str(folder.parent))
    return folder.name
