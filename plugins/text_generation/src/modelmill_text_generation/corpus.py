"""The customer's rows, as a model reads them: one long text, or examples that each end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from modelmill_text_generation.examples import (
    Example,
    conversation_examples,
    document_examples,
)

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData

_READ_ROWS = 1_000
# In characters. A row of a novel or a play is a paragraph; a row of a collection is a page.
_SHORT_ROW = 1_000


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How rows follow one another: passages of one text, or documents that each end."""

    is_documents: bool
    is_chat: bool = False
    joiner: str = ""
    # What a text without a prompt begins after, where there is no end of a document for that.
    opening: str = "\n"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A split as tokens: one run of them ``(N,)``, or examples; and what the learned ones mean."""

    run: Tensor | None
    examples: list[Example]
    chars: int
    bytes: int

    @property
    def token_count(self) -> int:
        """How many tokens there are to read."""
        if self.run is not None:
            return len(self.run)
        return sum(len(example.ids) for example in self.examples)

    @property
    def learned_count(self) -> int:
        """How many of them are learned."""
        if self.run is not None:
            return len(self.run)
        return sum(int(example.learned.sum()) for example in self.examples)


Rows = list[Any]


def read_rows(data: "TrainData", split: str) -> Rows:
    """Give the rows of a split that are not blank, texts or lists of messages; none without it."""
    if split not in data:
        return []
    name = "messages" if data.kind == "conversations" else "text"
    rows: Rows = []
    for batch in data[split].iter(batch_size=_READ_ROWS):
        rows += [row for row in batch[name] if text_of(row).strip()]
    return rows


def text_of(row: Any) -> str:
    """Give a row as plain text, to learn a vocabulary from and to judge its length by."""
    if isinstance(row, list):
        return "\n".join(str(message["content"] or "") for message in row)
    return str(row or "")


def layout_of(texts: Sequence[str], *, rows: str, kind: str) -> Layout:
    """Decide how rows follow one another; ``rows`` is the customer's choice or "auto"."""
    if kind == "conversations":
        return Layout(is_documents=True, is_chat=True)
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


def encode_rows(rows: Rows, tokenizer: Any, *, layout: Layout) -> Reading:
    """Give a split's rows as tokens."""
    if layout.is_documents:
        if layout.is_chat:
            examples = list(conversation_examples(rows, tokenizer))
        else:
            begin, end = begin_ids(tokenizer, layout), tokenizer.eos_token_id
            examples = list(document_examples(rows, tokenizer, begin=begin, end_id=end))
        return _examples_reading(examples)
    texts = join_texts(rows, layout)
    parts = [
        np.asarray(ids, dtype=np.int32)
        for at in range(0, len(texts), 200)
        for ids in tokenizer(texts[at : at + 200], add_special_tokens=False)["input_ids"]
    ]
    run = torch.from_numpy(np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32))
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return Reading(run=run, examples=[], chars=sum(map(len, texts)), bytes=size)


def hold_out(learned: Reading, tokenizer: Any) -> tuple[Reading, Reading]:
    """Split off the last twentieth, for a dataset that has no validation split."""
    if learned.run is None:
        cut = len(learned.examples) - max(1, len(learned.examples) // 20)
        return _examples_reading(learned.examples[:cut]), _examples_reading(learned.examples[cut:])
    cut = len(learned.run) - len(learned.run) // 20
    return _run_reading(learned.run[:cut], tokenizer), _run_reading(learned.run[cut:], tokenizer)


def begin_ids(tokenizer: Any, layout: Layout) -> list[int]:
    """Give what a text without a prompt begins after: a mark of the tokenizer, or a break."""
    if not layout.is_documents:
        ids: list[int] = tokenizer(layout.opening)["input_ids"]
        return ids
    # What some tokenizers put before every text, else the end of the one before.
    before: list[int] = tokenizer("")["input_ids"]
    if before or tokenizer.eos_token_id is None:
        return before[:1]
    return [int(tokenizer.eos_token_id)]


def _examples_reading(examples: list[Example]) -> Reading:
    chars = sum(example.chars for example in examples)
    size = sum(example.bytes for example in examples)
    return Reading(run=None, examples=examples, chars=chars, bytes=size)


def _run_reading(run: Tensor, tokenizer: Any) -> Reading:
    text = tokenizer.decode(run.tolist(), skip_special_tokens=True)
    size = len(text.encode("utf-8", "replace"))
    return Reading(run=run, examples=[], chars=len(text), bytes=size)
