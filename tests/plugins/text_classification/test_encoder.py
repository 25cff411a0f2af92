"""An installed base encoder is fine-tuned: here a tiny one, made on the spot."""

from pathlib import Path

import pytest
from modelmill_sdk.testing import predict_once, train_once
from modelmill_text_classification.plugin import TextClassification

from tests.plugins.text_classification.small import PREDICT, sentences

pytestmark = pytest.mark.training


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A BERT of two layers that knows nothing yet, with a tokenizer of the sentences."""
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
    BertModel(config).save_pretrained(folder)
    monkeypatch.setenv("MODELMILL_BASE_MODELS", str(folder.parent))
    return folder.name


def test_a_base_encoder_is_fine_tuned_and_needs_its_base_no_more(
    few, base, tmp_path, monkeypatch
) -> None:
    params = {"method": "encoder", "base": base, "learning_rate": 1e-3, "epochs": 6}
    model_dir, metrics = train_once(TextClassification, few, params, tmp_path / "work", seed=1)
    assert metrics["accuracy"] > 0.65
    monkeypatch.delenv("MODELMILL_BASE_MODELS")
    coding, _emotion = predict_once(TextClassification, model_dir, PREDICT[:2], {"explain": True})
    words = coding["explanation"]["words"]
    assert coding["explanation"]["method"] == "integrated-gradients" and words
