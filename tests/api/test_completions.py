"""POST /v1/completions and /v1/chat/completions, with OpenAI's client and a real worker."""

import time

import openai
import pytest
from modelmill.inference.models import Prediction
from modelmill.metering.models import UsageEvent
from modelmill.tenants.models import ApiKey
from modelmill.tenants.services import api_key_revoke

from tests.serving import model_made

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def speaker(acme, redis_url):
    return model_made(acme, "fake-speaker").name


def wait_until(claim, *, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def test_it_completes_a_prompt_and_says_what_it_took(acme, speaker, client_of) -> None:
    raw = client_of(acme).completions.with_raw_response.create(
        model=speaker, prompt="one two three", max_tokens=2
    )
    answer = raw.parse()
    assert answer.id.startswith("cmpl-")
    assert (answer.object, answer.model) == ("text_completion", speaker)
    assert [(c.index, c.text, c.finish_reason) for c in answer.choices] == [
        (0, "one two", "length")
    ]
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (3, 2, 5)
    assert raw.headers["x-model-state"] in ("warm", "cold")
    assert int(raw.headers["x-cost"]) > 0
    assert "compute;dur=" in raw.headers["server-timing"]
    with acme.scope():
        charged = dict(UsageEvent.objects.values_list("meter", "qty"))
    assert charged == {"tokens_in": 3, "tokens_out": 2, "requests": 1}


def test_the_second_time_the_model_is_warm(acme, speaker, client_of) -> None:
    create = client_of(acme).completions.with_raw_response.create
    first, second = (create(model=speaker, prompt="a") for _ in range(2))
    assert first.headers["x-model-state"] == "cold"
    assert int(first.headers["x-load-ms"]) > 0
    assert (second.headers["x-model-state"], second.headers["x-load-ms"]) == ("warm", "0")


def test_it_completes_several_prompts_n_times_in_order(acme, speaker, client_of) -> None:
    answer = client_of(acme).completions.create(model=speaker, prompt=["a b", "c d"], n=2)
    assert [(c.index, c.text) for c in answer.choices] == [
        (0, "a b"),
        (1, "a b"),
        (2, "c d"),
        (3, "c d"),
    ]


def test_it_streams_piece_by_piece_and_ends_with_the_usage(acme, speaker, client_of) -> None:
    chunks = list(
        client_of(acme).completions.create(
            model=speaker,
            prompt="one two three",
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    *text, end, usage = chunks
    assert [chunk.choices[0].text for chunk in text] == ["one", " two", " three"]
    assert all(chunk.usage is None for chunk in (*text, end))
    assert (end.choices[0].text, end.choices[0].finish_reason) == ("", "stop")
    assert (usage.choices, usage.usage.completion_tokens) == ([], 3)
    assert len({chunk.id for chunk in chunks}) == 1


def test_it_repeats_the_prompt_when_asked_to(acme, speaker, client_of) -> None:
    create = client_of(acme).completions.create
    answer = create(model=speaker, prompt=["a b", "c"], echo=True)
    chunks = create(model=speaker, prompt="a b", echo=True, stream=True)
    assert [choice.text for choice in answer.choices] == ["a ba b", "cc"]
    assert "".join(chunk.choices[0].text for chunk in chunks) == "a ba b"


def test_what_does_nothing_is_welcome_everywhere(acme, speaker, client_of) -> None:
    answer = client_of(acme).completions.create(
        model=speaker, prompt="a", presence_penalty=0, frequency_penalty=0.0, logit_bias={}
    )
    assert answer.choices[0].text == "a"


def test_a_stream_comes_while_it_is_written(acme, speaker, client_of) -> None:
    client = client_of(acme)
    client.completions.create(model=speaker, prompt="warm")
    began = time.monotonic()
    stream = client.completions.create(
        model=speaker, prompt="w " * 20, stream=True, extra_body={"pause_ms": 100}
    )
    next(iter(stream))
    assert time.monotonic() - began < 1.5
    stream.close()


def test_who_hangs_up_stops_it_and_pays_for_what_was_made(acme, speaker, client_of) -> None:
    stream = client_of(acme).completions.create(
        model=speaker,
        prompt="word " * 500,
        max_tokens=500,
        stream=True,
        extra_body={"pause_ms": 20},
    )
    for _, _chunk in zip(range(3), stream, strict=False):
        pass
    stream.close()
    with acme.scope():
        wait_until(lambda: Prediction.objects.get().is_final)
        row = Prediction.objects.get()
        charged = UsageEvent.objects.get(meter="tokens_out").qty
    assert row.state == "cancelled"
    assert 3 <= charged < 400
    assert len(row.outputs[0]["text"].split()) in (charged, charged - 1)


def test_it_chats_with_a_model_that_only_completes(acme, speaker, client_of) -> None:
    messages = [{"role": "system", "content": "Be."}, {"role": "user", "content": "Hi"}]
    create = client_of(acme).chat.completions.create
    # The speaker has no parameter "stop", so none is set for it.
    answer = create(model=speaker, messages=messages, max_completion_tokens=50)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content == "System: Be. User: Hi Assistant:"
    assert answer.object == "chat.completion"


def test_it_streams_a_chat(acme, speaker, client_of) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    chunks = list(
        client_of(acme).chat.completions.create(
            model=speaker,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    first, *middle, end, usage = chunks
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
    said = "".join(chunk.choices[0].delta.content for chunk in middle)
    assert said == "User: Hi Assistant:"
    assert end.choices[0].finish_reason == "stop"
    assert usage.usage.total_tokens == 6


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 99}, "n"),
        ({"seed": -1}, "seed"),
        ({"logprobs": 3}, "logprobs"),
        # The speaker's plugin does not offer it.
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"temperature": 0.5}, "temperature"),
        ({"extra_body": {"colour": "red"}}, "colour"),
    ],
)
def test_bad_input_names_what_is_wrong(acme, speaker, client_of, changes, param) -> None:
    request = {"model": speaker, "prompt": "x", **changes}
    with pytest.raises(openai.BadRequestError) as refused:
        client_of(acme).completions.create(**request)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"
    with acme.scope():
        assert not Prediction.objects.exists()


def test_an_unknown_model_is_not_found(acme, speaker, client_of) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client_of(acme).completions.create(model="gpt-4", prompt="x")
    assert refused.value.code == "model_not_found"


def test_a_model_that_draws_is_refused(acme, client_of) -> None:
    painter = model_made(acme, "fake-painter").name
    with pytest.raises(openai.BadRequestError) as refused:
        client_of(acme).completions.create(model=painter, prompt="x")
    assert (refused.value.code, refused.value.param) == ("model_task_mismatch", "model")


def test_it_refuses_a_stranger(acme, globex, speaker, client_of) -> None:
    with pytest.raises(openai.NotFoundError):
        client_of(globex).completions.create(model=speaker, prompt="x")


def test_it_needs_a_key_that_still_holds(acme, speaker, client_of) -> None:
    client = client_of(acme)
    client.completions.create(model=speaker, prompt="x")
    with acme.scope():
        api_key_revoke(ApiKey.objects.get(), caller=acme.caller)
    time.sleep(0.6)
    with pytest.raises(openai.AuthenticationError):
        client.completions.create(model=speaker, prompt="x")
    with pytest.raises(openai.AuthenticationError):
        client_of(acme, api_key="mm_test_wrong").completions.create(model=speaker, prompt="x")


def test_a_repeat_with_the_same_key_is_billed_once(acme, speaker, client_of) -> None:
    def ask(prompt="a b"):
        return client_of(acme).completions.create(
            model=speaker, prompt=prompt, extra_headers={"Idempotency-Key": "same"}
        )

    first, second = ask(), ask()
    assert (first.id, first.choices[0].text) == (second.id, second.choices[0].text)
    with acme.scope():
        assert UsageEvent.objects.filter(meter="requests").count() == 1
    with pytest.raises(openai.BadRequestError) as refused:
        ask("something else")
    assert refused.value.code == "idempotency_key_reused"


def test_what_the_plugin_refuses_is_told_before_the_stream_begins(acme, client_of) -> None:
    trouble = model_made(acme, "fake-trouble").name
    client = client_of(acme)
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model=trouble, prompt="x", stream=True)
