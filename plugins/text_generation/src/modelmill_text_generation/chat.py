"""Conversations as text: the tokenizer's own chat template, or a simple one of ours.

Ours writes each turn as ``<|role|>`` before and the end of text after it, behind the beginning of
text where the tokenizer has one. Stored with the tokenizer, it is what ``apply_chat_template`` of
``transformers`` uses, too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from modelmill_sdk import CustomerError

ROLES = ("system", "user", "assistant", "tool")
MARKERS = tuple(f"<|{role}|>" for role in ROLES)
TEMPLATE = (
    "{% if bos_token %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}{{ eos_token }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

Messages = Sequence[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """A conversation as text, with the stretches that the assistant says, ends included.

    ``said`` is what they hold without the template's marks.
    """

    text: str
    learned: tuple[tuple[int, int], ...]
    said: str


def has_template(tokenizer: Any) -> bool:
    """Say whether a tokenizer knows how to write a conversation."""
    return bool(getattr(tokenizer, "chat_template", None))


def ensure_template(tokenizer: Any) -> None:
    """Give a tokenizer our template if it has none of its own."""
    if not has_template(tokenizer):
        tokenizer.chat_template = TEMPLATE


def render(messages: Messages, tokenizer: Any, *, asks: bool = False) -> str:
    """Write a conversation out; with ``asks`` up to where the assistant begins to answer.

    Marks of the template inside a content are taken out, so that no text can pose as a turn.
    Raises CustomerError where the template does not allow such a conversation.
    """
    from jinja2 import TemplateError

    marks = _marks(tokenizer)
    turns = [
        {
            "role": "system" if turn["role"] == "developer" else turn["role"],
            "content": _without(marks, str(turn["content"] or "")),
        }
        for turn in messages
    ]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=asks))
    except TemplateError as error:
        raise CustomerError(
            f"This model cannot read such a conversation: {error}", param="messages"
        ) from error


def transcripts_of(messages: Messages, tokenizer: Any) -> Iterator[Transcript]:
    """Give a conversation as one transcript, or as one for each answer.

    The latter where a template writes earlier turns otherwise than the last one, as those that
    leave out old thoughts do: the model must learn from what it will be given.
    """
    whole = render(messages, tokenizer)
    spans: list[tuple[int, int]] = []
    for number, turn in enumerate(messages):
        if turn["role"] != "assistant":
            continue
        upto = render(messages[: number + 1], tokenizer)
        before = render(messages[:number], tokenizer, asks=True) if number else ""
        span = (_shared(before, upto), len(upto))
        if whole.startswith(upto):
            spans.append(span)
        else:
            yield _transcript(upto, [span], tokenizer)
    if spans:
        yield _transcript(whole, spans, tokenizer)


def _transcript(text: str, spans: list[tuple[int, int]], tokenizer: Any) -> Transcript:
    said = _without(_marks(tokenizer), "".join(text[first:end] for first, end in spans))
    return Transcript(text=text, learned=tuple(spans), said=said)


def _shared(one: str, other: str) -> int:
    """Count the characters with which both begin."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _marks(tokenizer: Any) -> re.Pattern[str]:
    marks = {*MARKERS, *tokenizer.all_special_tokens}
    return re.compile("|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True)))


def _without(marks: re.Pattern[str], content: str) -> str:
    # What is left may join to another mark.
    while (cleaned := marks.sub("", content)) != content:
        content = cleaned
    return content
