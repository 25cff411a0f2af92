import pytest
import torch
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import Chunk
from modelmill_sdk.testing import Recorder, predict_once
from modelmill_text_generation.asking import PredictParams
from modelmill_text_generation.networks import saved_model
from modelmill_text_generation.plugin import TextGeneration
from modelmill_text_generation.sampling import Choice
from modelmill_text_generation.writers import load_writer
from transformers import AutoModelForCausalLM

pytestmark = pytest.mark.training


def write(model_dir, prompt="The ", seed=1, **params):
    """Give the whole text, the pieces it came in, and the message that ended it."""
    recorder = Recorder()
    [text] = predict_once(
        TextGeneration, model_dir, [{"prompt": prompt}], params, seed, recorder=recorder
    )
    pieces = [message.text for message in recorder.messages if isinstance(message, Chunk)]
    return text, pieces, recorder.messages


def finish_reason(messages):
    return next(message.finish_reason for message in messages if hasattr(message, "finish_reason"))


def test_what_is_streamed_is_the_whole(model_dir):
    text, pieces, messages = write(model_dir, max_tokens=20)

    assert len(pieces) > 1
    assert "".join(pieces) == text
    assert messages[-1].counts == {"tokens_in": 4, "tokens_out": 20}
    assert finish_reason(messages) == "length"


def test_the_same_seed_writes_the_same(model_dir):
    texts = [write(model_dir, seed=seed, max_tokens=30)[0] for seed in (1, 1, 2)]

    assert texts[0] == texts[1] != texts[2]


def test_an_empty_prompt_begins_by_itself(model_dir):
    text, _, messages = write(model_dir, prompt="", max_tokens=10)

    assert text
    assert messages[-1].counts == {"tokens_in": 0, "tokens_out": 10}


def test_a_stop_text_is_never_shown_even_across_pieces(model_dir):
    whole, _, _ = write(model_dir, max_tokens=60)
    stop = whole[20:26]
    text, pieces, messages = write(model_dir, max_tokens=60, stop=["never this", stop])

    assert text == whole[: whole.index(stop)]
    assert "".join(pieces) == text
    assert finish_reason(messages) == "stop"
    assert messages[-1].counts["tokens_out"] == whole.index(stop) + len(stop)


def test_a_prompt_longer_than_the_context_is_refused(model_dir):
    with pytest.raises(CustomerError, match="at most 32") as raised:
        write(model_dir, prompt="The miller " * 9)
    assert raised.value.param == "prompt"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_is_opened_as_transformers_opens_it(model_dir, dtype, monkeypatch):
    theirs = AutoModelForCausalLM.from_pretrained(model_dir, dtype=dtype)
    # Straight from the file: the way round by every renaming would hide a fault of the short one.
    monkeypatch.delattr(AutoModelForCausalLM, "from_pretrained")
    ours = saved_model(model_dir, dtype=dtype)
    ids = torch.arange(8)[None]

    assert torch.equal(ours(input_ids=ids).logits, theirs(input_ids=ids).logits)
    assert ours.lm_head.weight is ours.model.embed_tokens.weight
    assert ours.generation_config.to_dict() == theirs.generation_config.to_dict()
    assert {t.dtype for t in ours.parameters()} == {dtype}
    assert not any(t.is_meta for t in (*ours.parameters(), *ours.buffers()))


def test_the_kept_past_changes_nothing(model_dir):
    writer = load_writer(model_dir, "cpu")
    ids = writer.encode("The miller")
    kept = writer.tokens(ids, Choice(PredictParams(temperature=0), seed=None))
    # Past the context of 32, where the older half is forgotten.
    tokens = [next(kept) for _ in range(60)]

    seen = list(ids)
    for token in tokens:
        with torch.inference_mode():
            logits = writer.model(input_ids=torch.tensor([seen])).logits[0, -1]
        assert token == int(logits.argmax())
        seen.append(token)
        if len(seen) > writer.context:
            seen = seen[-writer.context // 2 :]


def test_top_p_draws_only_from_the_likeliest():
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    choice = Choice(PredictParams(temperature=1, top_p=0.75), seed=0)

    assert {choice.of(logits) for _ in range(200)} == {0, 1}


def test_chinese_streams_in_whole_characters(trained_chinese):
    for seed in range(5):
        text, pieces, _ = write(
            trained_chinese, prompt="磨坊主", seed=seed, max_tokens=40, temperature=1.5
        )
        assert "".join(pieces) == text
        assert "\ufffd" not in text
    text, _, _ = write(trained_chinese, prompt="磨坊主", max_tokens=60, temperature=0)
    assert any("\u4e00" <= char <= "\u9fff" for char in text)


def test_top_k_draws_only_from_so_many():
    logits = torch.log(torch.tensor([0.4, 0.3, 0.2, 0.1]))
    choice = Choice(PredictParams(temperature=2, top_p=1, top_k=2), seed=0)

    assert {choice.of(logits) for _ in range(100)} == {0, 1}


@pytest.mark.parametrize(
    ("params", "chosen"),
    [
        ({}, [0, 0, 0]),
        ({"presence_penalty": 0.6}, [0, 1, 0]),
        ({"frequency_penalty": 0.3}, [0, 0, 1]),
        # The two read before are known as well, so the third is written first.
        ({"repetition_penalty": 2}, [2, 0, 0]),
        ({"logit_bias": {"3": 100}}, [3, 3, 3]),
        ({"logit_bias": {"0": -100}}, [1, 1, 1]),
    ],
)
def test_penalties_and_biases_change_what_is_likeliest(params, chosen):
    choice = Choice(PredictParams(temperature=0, **params), seed=None)
    choice.read([0, 1])

    assert [choice.of(torch.tensor([2.0, 1.5, 1.2, 0.1])) for _ in chosen] == chosen


def test_a_bias_for_no_token_is_refused(model_dir):
    with pytest.raises(CustomerError, match="no token 9999") as raised:
        write(model_dir, logit_bias={"9999": 1})
    assert raised.value.param == "logit_bias"


def test_a_prompt_and_messages_together_are_refused(model_dir):
    both = {"prompt": "x", "messages": [{"role": "user", "content": "x"}]}
    with pytest.raises(CustomerError, match="not both"):
        predict_once(TextGeneration, model_dir, [both])


def test_a_model_that_knows_no_turns_is_asked_in_lines(model_dir):
    writer = load_writer(model_dir, "cpu")
    asked = [{"role": "user", "content": "The miller"}]

    # The characters that this model has never seen are left out.
    said = writer.tokenizer.decode(writer.encode_chat(asked), skip_special_tokens=True)
    assert said.replace(" ", "").endswith("serThemillerAssistant")
    with pytest.raises(CustomerError, match=r"The conversation has .* at most 32") as raised:
        predict_once(TextGeneration, model_dir, [{"messages": asked * 9}])
    assert raised.value.param == "messages"
