"""Examples: documents and conversations as tokens, each knowing which of them are learned."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from modelmill_text_generation.chat import Transcript, transcripts_of

_ENCODED_AT_ONCE = 200

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Example:
    """Something that begins and ends: its tokens, and which of them the model learns to write."""

    ids: npt.NDArray[np.int32]
    learned: npt.NDArray[np.bool_]
    # What the learned tokens stand for.
    chars: int
    bytes: int


def document_examples(
    texts: Iterable[str], tokenizer: Any, *, begin: Sequence[int], end_id: int | None
) -> Iterator[Example]:
    """Give each text between a beginning and an end, all learned but the beginning."""
    ends = [] if end_id is None else [end_id]
    for batch in _batches(texts):
        for text, ids in zip(batch, _encode(batch, tokenizer)["input_ids"], strict=True):
            tokens = np.asarray([*begin, *ids, *ends], dtype=np.int32)
            learned = np.ones(len(tokens), dtype=np.bool_)
            learned[: max(1, len(begin))] = False
            yield _example(tokens, learned, text)


def conversation_examples(
    conversations: Iterable[Sequence[dict[str, str]]], tokenizer: Any
) -> Iterator[Example]:
    """Give each conversation as its template writes it; only the assistant's turns are learned."""
    transcripts = (
        transcript for row in conversations for transcript in transcripts_of(row, tokenizer)
    )
    for batch in _batches(transcripts):
        encoded = _encode([transcript.text for transcript in batch], tokenizer, offsets=True)
        for transcript, ids, places in zip(
            batch, encoded["input_ids"], encoded["offset_mapping"], strict=True
        ):
            learned = _within(transcript, np.asarray(places).reshape(-1, 2))
            learned[:1] = False
            if learned.any():
                yield _example(np.asarray(ids, dtype=np.int32), learned, transcript.said)


def cut_examples(examples: Iterable[Example], *, context: int) -> list[Example]:
    """Cut what is longer than the context, each piece beginning with the last token before it."""
    pieces: list[Example] = []
    for example in examples:
        for at in range(0, max(1, len(example.ids) - 1), context):
            learned = example.learned[at : at + context + 1].copy()
            learned[:1] = False
            if learned.any():
                ids = example.ids[at : at + context + 1]
                pieces.append(Example(ids=ids, learned=learned, chars=0, bytes=0))
    return pieces


def _example(ids: npt.NDArray[np.int32], learned: npt.NDArray[np.bool_], text: str) -> Example:
    size = len(text.encode("utf-8", "replace"))
    return Example(ids=ids, learned=learned, chars=len(text), bytes=size)


def _within(transcript: Transcript, places: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say which tokens, by their first and last character, lie in what the assistant says."""
    learned = np.zeros(len(places), dtype=np.bool_)
    for first, end in transcript.learned:
        learned |= (places[:, 0] < end) & (places[:, 1] > first)
    return learned


def _encode(texts: list[str], tokenizer: Any, *, offsets: bool = False) -> Any:
    return tokenizer(texts, add_special_tokens=False, return_offsets_mapping=offsets)


def _batches(values: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(values)
    while batch := list(islice(iterator, _ENCODED_AT_ONCE)):
        yield batch
