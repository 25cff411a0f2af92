"""What a customer may ask of a finished model; form, API and validation come from these classes."""

from typing import Annotated, Literal

from modelmill_sdk import Params
from pydantic import Field, StringConstraints, model_validator

MAX_STOPS = 4
MAX_MESSAGES = 1_000
_MAX_CHARS = 1_000_000

Stop = Annotated[str, StringConstraints(min_length=1, max_length=100)]
TokenNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,7}$")]
Bias = Annotated[float, Field(ge=-100, le=100)]


class Message(Params):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"] = Field(
        description="Who speaks."
    )
    content: str = Field(description="What is said.", max_length=_MAX_CHARS)


class Input(Params):
    """What a completion begins with, or the conversation to answer: one of the two."""

    prompt: str = Field(
        "",
        title="Prompt",
        max_length=_MAX_CHARS,
        description="The text to go on from; empty lets the model begin.",
    )
    messages: list[Message] = Field(
        [],
        title="Messages",
        max_length=MAX_MESSAGES,
        description="A conversation to answer instead of a prompt, such as "
        '[{"role": "user", "content": "Hello"}].',
    )

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "Input":
        if self.prompt and self.messages:
            raise ValueError("give a prompt or messages, not both")
        return self


class PredictParams(Params):
    """How a text is drawn from the model."""

    max_tokens: int = Field(
        200, title="Length", ge=1, le=4096, description="The most tokens to write."
    )
    temperature: float = Field(
        0.8,
        title="Temperature",
        ge=0,
        le=2,
        description="0 always takes the likeliest token; higher is more surprising.",
    )
    top_p: float = Field(
        0.95,
        title="Top-p",
        gt=0,
        le=1,
        description="Draw only from the likeliest tokens that together have this probability.",
    )
    stop: list[Stop] = Field(
        [],
        title="Stop",
        max_length=MAX_STOPS,
        description="End before any of these texts appears.",
    )
    top_k: int = Field(
        0,
        title="Top-k",
        ge=0,
        le=1000,
        description="Draw only from this many of the likeliest tokens; 0 is no such limit.",
    )
    repetition_penalty: float = Field(
        1.0,
        title="Repetition penalty",
        ge=0.5,
        le=2,
        description="Above 1, what was read or written already becomes less likely; 1.1 to 1.3 "
        "keeps a small model from going round in circles.",
    )
    presence_penalty: float = Field(
        0.0,
        title="Presence penalty",
        ge=-2,
        le=2,
        description="Taken off the score of every token that was written already.",
    )
    frequency_penalty: float = Field(
        0.0,
        title="Frequency penalty",
        ge=-2,
        le=2,
        description="Taken off the score of a token for each time that it was written already.",
    )
    logit_bias: dict[TokenNumber, Bias] = Field(
        {},
        title="Token bias",
        max_length=300,
        description="Added to the score of tokens, by their number in this model's vocabulary: "
        "-100 forbids one, 100 forces it.",
    )
