"""Embeddings: which folders are encoders, and what becomes of texts."""

import json
import math
import pickle
from pathlib import Path

import pytest
import torch
from modelmill_embeddings.encoder import encoder_open
from modelmill_embeddings.folders import (
    ODD_NAME,
    ODD_VECTORS,
    encoders_installed,
    encoders_left_out,
    reading_of,
    tiny_write,
)
from modelmill_embeddings.plugin import Embeddings
from modelmill_sdk import CustomerError, LeftOut, PluginError
from modelmill_sdk.bases import (
    INSTALLED_FILE,
    PICKLED,
    ROOT_VARIABLE,
    WEIGHTLESS,
    installed_folder,
)
from modelmill_sdk.testing import predict_once

TEXTS = ["corn", "barley and rye and oats", "the mill turns by the river"]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_write(tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture
def encoder(tiny: Path):
    return encoder_open(tiny, "cpu")


def _vectors(encoder, texts: list[str], **options) -> list[list[float]]:
    return [one["embedding"] for one in encoder.embed(texts, **options)]


def _change(place: Path, name: str, **values) -> None:
    path = place / name
    path.parent.mkdir(exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, **values}))


def test_vectors_have_length_one_and_do_not_depend_on_their_neighbours(encoder) -> None:
    together = _vectors(encoder, TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)
        assert _vectors(encoder, [text])[0] == pytest.approx(vector, abs=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_it_pools_as_the_folder_says(tiny, tmp_path, pooling) -> None:
    folder = tiny_write(tmp_path / "encoder")
    words = {"cls": {"pooling_mode_cls_token": True}, "max": {"pooling_mode_max_tokens": True}}
    _change(folder, "1_Pooling/config.json", **words.get(pooling, {}))
    encoder = encoder_open(folder, "cpu")
    ids = torch.tensor([encoder.tokenizer("corn")["input_ids"]])
    with torch.inference_mode():
        states = encoder.model(input_ids=ids).last_hidden_state[0]
    wanted = {"mean": states.mean(0), "cls": states[0], "max": states.amax(0)}[pooling]
    assert _vectors(encoder, ["corn"])[0] == pytest.approx(
        (wanted / wanted.norm()).tolist(), abs=1e-5
    )


def test_fewer_dimensions_are_the_first_ones_at_length_one(encoder) -> None:
    whole, short = _vectors(encoder, TEXTS)[1], _vectors(encoder, TEXTS, dimensions=4)[1]
    assert len(short) == 4 and math.hypot(*short) == pytest.approx(1, abs=1e-5)
    assert short[0] / short[1] == pytest.approx(whole[0] / whole[1], rel=1e-3)
    with pytest.raises(CustomerError, match="16 dimensions"):
        encoder.embed(TEXTS, dimensions=17)


def test_what_is_too_long_is_cut_and_said_to_be(encoder, tiny, tmp_path) -> None:
    long, short = encoder.embed(["x" * 500, "corn"])
    assert (long["tokens"], long["is_cut"]) == (64, True)
    assert (short["tokens"], short["is_cut"]) == (6, False)
    assert [one["is_cut"] for one in encoder.embed(["x" * 62, "x" * 63])] == [False, True]
    folder = tiny_write(tmp_path / "encoder")
    _change(folder, "sentence_bert_config.json", max_seq_length=32)
    assert reading_of(folder).max_tokens == 32


def test_only_encoders_with_safe_weights_are_offered(tmp_path, monkeypatch) -> None:
    root = tmp_path / "bases"
    for name in ("good", "pickled", "decoder", "classifier"):
        tiny_write(root / name)
    (root / "pickled" / "model.safetensors").rename(root / "pickled" / "pytorch_model.bin")
    _change(root / "decoder", "config.json", model_type="gpt2")
    _change(root / "classifier", "config.json", architectures=["BertForSequenceClassification"])
    monkeypatch.setenv(ROOT_VARIABLE, str(root))
    (only,) = encoders_installed()
    assert only.folder == "good"
    assert encoders_left_out() == [LeftOut(folder="pickled", reason=WEIGHTLESS)]
    (root / "pickled" / "pytorch_model.bin").write_bytes(pickle.dumps({}, protocol=2))
    assert encoders_left_out() == [LeftOut(folder="pickled", reason=PICKLED)]
    assert only.description == "bert, 16 dimensions, reads 64 tokens, pooled by mean"
    with pytest.raises(PluginError, match="cannot be opened"):
        encoder_open(root / "pickled", "cpu")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("1_Pooling/config.json", {"pooling_mode_lasttoken": True}),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": 1, "pooling_mode_mean_tokens": 1}),
        ("1_Pooling/config.json", {"pooling_mode": "weightedmean"}),
        ("modules.json", [{"type": "sentence_transformers.models.Dense"}]),
        ("modules.json", "no JSON of steps"),
    ],
)
def test_a_folder_that_would_embed_wrongly_is_left_out(tmp_path, monkeypatch, file, said) -> None:
    folder = tiny_write(tmp_path / "encoder")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    assert [one.folder for one in encoders_installed()] == ["encoder"]
    (folder / "1_Pooling").mkdir()
    (folder / file).write_text(json.dumps(said))
    assert encoders_installed() == []
    assert encoders_left_out() == [LeftOut(folder="encoder", reason=ODD_VECTORS)]
    with pytest.raises(PluginError, match="not offered here"):
        encoder_open(folder, "cpu")


def test_a_folder_with_an_odd_name_does_not_take_the_plugin_away(tmp_path, monkeypatch) -> None:
    tiny_write(tmp_path / "good")
    tiny_write(tmp_path / "my model (v2)")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    assert [one.folder for one in encoders_installed()] == ["good"]
    assert encoders_left_out() == [LeftOut(folder="my model (v2)", reason=ODD_NAME)]


def test_a_model_that_names_a_folder_is_that_folder_while_it_is_there(
    tiny, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, str(tiny.parent))
    _change(tmp_path, INSTALLED_FILE, folder="tiny")
    assert installed_folder(tmp_path) == tiny
    (answer,) = predict_once(Embeddings, tiny, [{"text": "corn"}])
    assert len(answer["embedding"]) == 16
    _change(tmp_path, INSTALLED_FILE, folder="../secrets")
    with pytest.raises(CustomerError, match="taken the model"):
        installed_folder(tmp_path)
    _change(tmp_path, INSTALLED_FILE, folder="")
    assert installed_folder(tmp_path) == tmp_path
