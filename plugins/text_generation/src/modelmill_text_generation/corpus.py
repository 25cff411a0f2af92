"""The customer's rows as one long run of tokens."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData

_READ_ROWS = 1_000
# In characters. A row of a novel or a play is a paragraph; a row of a collection is a page.
_SHORT_ROW = 1_000


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How rows follow one another: passages of one text, or documents that each end."""

    is_documents: bool
    joiner: str = ""
    # What a text without a prompt begins after, where there is no end of a document for that.
    opening: str = "\n"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Tokens to learn from and tokens held out, with what the held-out ones stand for."""

    learned: Tensor
    heldout: Tensor
    heldout_chars: int
    heldout_bytes: int


def read_texts(data: "TrainData", split: str, *, tokenizer: Any = None) -> list[str]:
    """Give the rows of a split as texts that are not blank; none if there is no such split.

    A conversation is written out by the tokenizer's own template, or a line for each message.
    """
    if split not in data:
        return []
    texts = (
        _conversation(row, tokenizer) if data.kind == "conversations" else str(row or "")
        for row in _column(data, split)
    )
    return [text for text in texts if text.strip()]


def layout_of(texts: Sequence[str], *, rows: str, kind: str) -> Layout:
    """Decide how rows follow one another; ``rows`` is the customer's choice or "auto"."""
    if kind == "conversations":
        return Layout(is_documents=True)
    looked_at = texts[:_READ_ROWS]
    count = max(len(looked_at), 1)
    mean = sum(map(len, looked_at)) / count
    # The platform cuts a plain text file into rows that give it back when put end to end.
    is_cut = sum(text[-1:].isspace() for text in looked_at[:-1]) > (count - 1) / 2
    if rows == "documents" or (rows == "auto" and mean > _SHORT_ROW and not is_cut):
        return Layout(is_documents=True)
    has_paragraphs = any("\n\n" in text for text in looked_at) or (not is_cut and mean > 100)
    opening = "\n\n" if has_paragraphs else "\n"
    return Layout(is_documents=False, joiner="" if is_cut else opening, opening=opening)


def join_texts(texts: Sequence[str], layout: Layout) -> list[str]:
    """Put passages together into long stretches; documents stay as they are."""
    if layout.is_documents:
        return list(texts)
    # Where nothing is put between two rows, nothing is taken off them either.
    edge = "\n" if layout.joiner else ""
    return [
        layout.joiner.join(text.strip(edge) for text in texts[at : at + _READ_ROWS]) + layout.joiner
        for at in range(0, len(texts), _READ_ROWS)
    ]


def encode_texts(texts: Iterable[str], tokenizer: Any, *, end_id: int | None) -> Tensor:
    """Give ``(N,)`` token numbers, each text preceded by ``end_id`` if there is one."""
    parts: list[np.ndarray] = []
    lead = [] if end_id is None else [end_id]
    for batch in _batches(texts, 200):
        for ids in tokenizer(batch, add_special_tokens=False)["input_ids"]:
            parts.append(np.asarray([*lead, *ids], dtype=np.int32))
    return torch.from_numpy(np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32))


def make_corpus(
    learned: list[str], heldout: list[str], tokenizer: Any, *, layout: Layout, end_id: int | None
) -> Corpus:
    """Encode both splits; without a held-out one, the last twentieth of the tokens is held out."""
    lead = end_id if layout.is_documents else None
    tokens = encode_texts(learned, tokenizer, end_id=lead)
    if heldout:
        kept = encode_texts(heldout, tokenizer, end_id=lead)
        text = "".join(heldout)
    else:
        cut = len(tokens) - len(tokens) // 20
        tokens, kept = tokens[:cut], tokens[cut:]
        text = tokenizer.decode(kept.tolist(), skip_special_tokens=True)
    return Corpus(
        learned=tokens,
        heldout=kept,
        heldout_chars=len(text),
        heldout_bytes=len(text.encode("utf-8", "replace")),
    )


class Windows:
    """Stretches of tokens in an order that a step number alone decides, so a resume needs no more.

    Each round through the text cuts it at another offset and shuffles the cuts.
    """

    def __init__(self, tokens: Tensor, *, context: int, batch: int, seed: int) -> None:
        """Cut ``(N,)`` tokens, at least two contexts and one token long."""
        self._tokens, self._context, self._batch, self._seed = tokens, context, batch, seed
        self._per_round = (len(tokens) - 1) // context - 1
        self._round = -1
        self._starts: list[int] = []

    def at(self, step: int) -> Tensor:
        """Give the ``(B, T + 1)`` tokens of a step counted from 1."""
        first = (step - 1) * self._batch
        rows = [self._start(first + offset) for offset in range(self._batch)]
        window = [self._tokens[start : start + self._context + 1] for start in rows]
        return torch.stack(window).long()

    def _start(self, position: int) -> int:
        number, place = divmod(position, self._per_round)
        if number != self._round:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + number)
            offset = int(torch.randint(self._context, (1,), generator=generator))
            order = torch.randperm(self._per_round, generator=generator)
            self._starts = (order * self._context + offset).tolist()
            self._round = number
        return self._starts[place]


def _column(data: "TrainData", split: str) -> Iterator[Any]:
    name = "messages" if data.kind == "conversations" else "text"
    for batch in data[split].iter(batch_size=_READ_ROWS):
        yield from batch[name]


def _conversation(messages: Sequence[dict[str, str]], tokenizer: Any) -> str:
    if getattr(tokenizer, "chat_template", None):
        return str(tokenizer.apply_chat_template(messages, tokenize=False))
    return "".join(f"{message['role']}: {message['content']}\n" for message in messages)


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
