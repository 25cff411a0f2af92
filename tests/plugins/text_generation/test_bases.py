import pytest
from modelmill_sdk import CustomerError
from modelmill_sdk.bases import ROOT_VARIABLE, base_names
from modelmill_sdk.testing import predict_once, train_once, validate_once
from modelmill_text_generation.plugin import TextGeneration
from safetensors.torch import load_file

# peft asks transformers for a property by its older name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

TUNING = {"base": "tiny-llama", "steps": 6, "batch": 2, "context": 32, "learning_rate": 0.01}


@pytest.fixture(autouse=True)
def installed(base_root, monkeypatch):
    monkeypatch.setenv(ROOT_VARIABLE, str(base_root))


@pytest.mark.training
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_base_model_is_tuned_into_a_plain_folder(base_root, english, tmp_path, method):
    params = {**TUNING, "method": method, "lora_rank": 4}
    model_dir, metrics = train_once(TextGeneration, english, params, tmp_path)

    before = load_file(base_root / "tiny-llama" / "model.safetensors")
    after = load_file(model_dir / "model.safetensors")
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before)
    assert metrics["heldout_loss"] > 0
    [text] = predict_once(TextGeneration, model_dir, [{"prompt": "The"}], {"max_tokens": 5})
    assert isinstance(text, str)


@pytest.mark.training
def test_resumed_adapters_end_with_the_same_weights(english, tmp_path):
    params = {**TUNING, "method": "lora", "lora_rank": 2, "dropout": 0.1}
    whole, _ = train_once(TextGeneration, english, params, tmp_path / "whole", checkpoint_every_s=0)
    saved = tmp_path / "whole" / "checkpoints" / "step-000000003"
    resumed, _ = train_once(TextGeneration, english, params, tmp_path / "rest", resume_dir=saved)

    one, other = (load_file(path / "model.safetensors") for path in (whole, resumed))
    assert all(one[name].equal(other[name]) for name in one)


@pytest.mark.parametrize("name", ["no-such-base", ""])
def test_an_unknown_base_is_refused_with_those_there_are(english, name):
    with pytest.raises(CustomerError, match="Installed: tiny-llama") as raised:
        validate_once(TextGeneration, english, {"method": "lora", "base": name})
    assert raised.value.param == "base"


def test_without_an_operators_folder_there_are_no_bases(monkeypatch):
    monkeypatch.delenv(ROOT_VARIABLE)

    assert base_names() == []
