"""What a training leaves beside plain weights: int8 weights, adapters apart from their base."""

import json

import pytest
import torch
from modelmill_sdk import PluginError
from modelmill_sdk.bases import ROOT_VARIABLE
from modelmill_sdk.learning.quantizing import Trade
from modelmill_sdk.testing import predict_once, train_once
from modelmill_text_generation.bases import add_adapters, load_base, merge_adapters
from modelmill_text_generation.exports import INT8, is_worth_it
from modelmill_text_generation.plugin import TextGeneration
from modelmill_text_generation.quantized import frozen_bytes
from safetensors.torch import load_file

from .conftest import TINY

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

TUNING = {
    **{"method": "lora", "base": "tiny-llama", "steps": 6, "batch": 2, "context": 32},
    **{"learning_rate": 0.01, "lora_rank": 4},
}


@pytest.fixture
def installed(base_root, monkeypatch):
    monkeypatch.setenv(ROOT_VARIABLE, str(base_root))


def backward_bytes(model) -> int:
    """Give the size of what the way back remembers beside the model itself."""
    kept: dict[int, int] = {}
    mine = {tensor.data_ptr() for tensor in [*model.parameters(), *model.buffers()]}

    def keep(tensor):
        if tensor.data_ptr() not in mine:
            kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(input_ids=torch.tensor([[1, 2, 3]])).logits.sum()
    loss.backward()
    return sum(kept.values())


def test_an_int8_base_takes_less_memory_and_answers_alike(installed):
    torch.manual_seed(0)
    plain, small = (
        add_adapters(load_base("tiny-llama", is_int8=is_int8)[0], rank=2, dropout=0.0)
        for is_int8 in (False, True)
    )
    embedding = plain.get_input_embeddings().weight.nbytes
    outputs = [model(input_ids=torch.arange(20)[None]).logits for model in (plain, small)]

    # Scales, norms and positions are little; embeddings and output stay floats.
    assert frozen_bytes(small) - 2 * embedding < 0.4 * (frozen_bytes(plain) - 2 * embedding)
    assert torch.nn.functional.cosine_similarity(*outputs, dim=-1).min() > 0.999
    # The way back remembers no float copy of the weights.
    assert backward_bytes(small) < 1.2 * backward_bytes(plain)


def test_adapters_of_an_int8_base_merge_into_a_plain_model(installed):
    model = add_adapters(load_base("tiny-llama", is_int8=True)[0], rank=2, dropout=0.0)
    for name, param in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(param, std=0.1)
    ids = torch.arange(20)[None]
    before = model(input_ids=ids).logits
    merged = merge_adapters(model)

    assert {type(layer) for layer in merged.modules() if isinstance(layer, torch.nn.Linear)} == {
        torch.nn.Linear
    }
    assert torch.allclose(merged(input_ids=ids).logits, before, atol=1e-4)


@pytest.mark.training
def test_adapters_alone_need_their_base_and_write_as_if_merged(
    installed, english, tmp_path, monkeypatch
):
    params = {**TUNING, "base_weights": "int8"}
    merged, metrics = train_once(TextGeneration, english, params, tmp_path / "merged")
    alone, _ = train_once(TextGeneration, english, {**params, "merge": False}, tmp_path / "alone")
    asked = [{"prompt": "The miller"}]
    wanted = {"temperature": 0, "max_tokens": 12}
    texts = [predict_once(TextGeneration, folder, asked, wanted) for folder in (merged, alone)]

    assert metrics["base_mib"] > 0
    # The base itself is in full again where the adapters come alone, so a word may differ.
    assert texts[0][0][:4] == texts[1][0][:4]
    assert not (alone / "model.safetensors").exists()
    assert (
        json.loads((alone / "adapter_config.json").read_text())["base_model_name_or_path"]
        == "tiny-llama"
    )
    monkeypatch.delenv(ROOT_VARIABLE)
    with pytest.raises(PluginError, match="needs the base model 'tiny-llama'"):
        TextGeneration().load(alone, "cpu")


@pytest.mark.training
def test_int8_weights_are_stored_measured_and_write(english, tmp_path):
    params = {**TINY, "steps": 4, "int8": True}
    model_dir, metrics = train_once(TextGeneration, english, params, tmp_path)

    stored = load_file(model_dir / INT8)
    assert stored["model.layers.0.mlp.up_proj.weight"].dtype == torch.int8
    assert metrics["int8_size_ratio"] < 0.5
    assert abs(metrics["int8_perplexity_change"]) < 0.01
    assert metrics["int8_speed_ratio"] > 0
    settings = json.loads((model_dir / "modelmill.json").read_text())
    for is_used in (True, False):
        settings["writes_from_int8"] = is_used
        (model_dir / "modelmill.json").write_text(json.dumps(settings))
        writer = TextGeneration().load(model_dir, "cpu")
        layer = writer.model.model.layers[0].mlp.up_proj
        assert (type(layer) is not torch.nn.Linear) == is_used
    assert predict_once(TextGeneration, model_dir, [{"prompt": "The"}], {"max_tokens": 5})


@pytest.mark.parametrize(
    ("speed", "after", "is_worth"), [(1.5, 10.05, True), (1.0, 10.0, False), (1.5, 10.2, False)]
)
def test_int8_is_used_where_it_is_faster_and_as_good(speed, after, is_worth):
    trade = Trade(size_ratio=0.3, speed_ratio=speed, score_before=10.0, score_after=after)

    assert is_worth_it(trade) == is_worth
