"""From texts to the numbers that a network reads, and the pieces they stand for.

Number 0 fills up a batch and means nothing.

Axes: B texts, T tokens.
"""

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from modelmill_text_classification.words import text_plain, words_join, words_of

READER_FILE = "reader.json"
TOKENIZER_FOLDER = "tokenizer"
_UNKNOWN = 1
_MULTIPLIER = 1_000_003


class Reader(Protocol):
    """What a network reads texts with."""

    pad_id: int

    def ids(self, text: str) -> list[int]:
        """Give a text's numbers, at least one."""

    def pieces(self, text: str) -> list[str]:
        """Give what each of the numbers stands for."""

    def save(self, folder: Path) -> None:
        """Write what is needed to read the same way again."""


@dataclass(kw_only=True)
class HashedReader:
    """Words and their n-grams up to ``order``, each in one of ``buckets`` by its hash.

    Nothing is learned from the texts, so that nothing of them is told. Weinberger et al.: "Feature
    hashing for large scale multitask learning", ICML 2009.
    """

    buckets: int
    order: int
    max_tokens: int
    pad_id: int = 0
    _known: dict[str, int] = field(default_factory=dict, repr=False)

    def ids(self, text: str) -> list[int]:
        """Give the buckets of words, then of pairs, and so on."""
        hashes = [self._hash(word) for word in self._words(text)]
        found, spelled = list(hashes), hashes
        for order in range(2, self.order + 1):
            spelled = [
                (before * _MULTIPLIER + last) & 0xFFFFFFFF
                for before, last in zip(spelled, hashes[order - 1 :], strict=False)
            ]
            found += spelled
        return [1 + one % self.buckets for one in found] or [1]

    def pieces(self, text: str) -> list[str]:
        """Spell the n-grams in the order of ``ids``."""
        words = self._words(text)
        spans = [
            words_join(words[start : start + order])
            for order in range(1, self.order + 1)
            for start in range(len(words) - order + 1)
        ]
        return spans or [""]

    def save(self, folder: Path) -> None:
        """Write the sizes."""
        _write(folder, kind="hashed", buckets=self.buckets, order=self.order, most=self.max_tokens)

    def _words(self, text: str) -> list[str]:
        return words_of(text_plain(text))[: self.max_tokens]

    def _hash(self, word: str) -> int:
        known = self._known.get(word)
        if known is None:
            known = self._known[word] = zlib.crc32(word.encode())
        return known


@dataclass(kw_only=True)
class WordReader:
    """Words of a vocabulary, from 2 on; 1 is any other."""

    words: list[str]
    max_tokens: int
    pad_id: int = 0

    def __post_init__(self) -> None:
        self._numbers = {word: number for number, word in enumerate(self.words, start=2)}

    @classmethod
    def learn(cls, texts: Sequence[str], *, most: int, max_tokens: int) -> "WordReader":
        """Take the most frequent words that are there twice."""
        counted = Counter(chain.from_iterable(words_of(text_plain(text)) for text in texts))
        words = sorted(word for word, count in counted.most_common(most) if count > 1)
        return cls(words=words, max_tokens=max_tokens)

    def ids(self, text: str) -> list[int]:
        """Give each word's number."""
        return [self._numbers.get(word, _UNKNOWN) for word in self.pieces(text)]

    def pieces(self, text: str) -> list[str]:
        """Give the words."""
        return words_of(text_plain(text))[: self.max_tokens] or [""]

    def save(self, folder: Path) -> None:
        """Write the vocabulary."""
        _write(folder, kind="words", words=self.words, most=self.max_tokens)


class PieceReader:
    """The tokenizer that a base model brings."""

    def __init__(self, tokenizer: Any, *, max_tokens: int) -> None:
        """Read at most ``max_tokens``, marks of beginning and end among them."""
        self.tokenizer, self.max_tokens = tokenizer, max_tokens
        self.pad_id = int(tokenizer.pad_token_id or 0)

    def ids(self, text: str) -> list[int]:
        """Give the tokens with the model's marks around them."""
        found = self.tokenizer(text, truncation=True, max_length=self.max_tokens)
        ids: list[int] = found["input_ids"]
        return ids

    def pieces(self, text: str) -> list[str]:
        """Give the tokens as they stand in the text; a mark is an empty piece."""
        found = self.tokenizer(
            text, truncation=True, max_length=self.max_tokens, return_offsets_mapping=True
        )
        return [text[start:end] for start, end in found["offset_mapping"]]

    def save(self, folder: Path) -> None:
        """Write the tokenizer in the manner of ``transformers``."""
        self.tokenizer.save_pretrained(folder / TOKENIZER_FOLDER)
        _write(folder, kind="pieces", most=self.max_tokens)


def reader_load(folder: Path) -> Reader:
    """Read what ``save`` wrote."""
    values = json.loads((folder / READER_FILE).read_text(encoding="utf-8"))
    most = int(values["most"])
    if values["kind"] == "hashed":
        return HashedReader(buckets=values["buckets"], order=values["order"], max_tokens=most)
    if values["kind"] == "words":
        return WordReader(words=values["words"], max_tokens=most)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / TOKENIZER_FOLDER, local_files_only=True)
    return PieceReader(tokenizer, max_tokens=most)


def batch_make(rows: Sequence[Sequence[int]], *, pad_id: int) -> Tensor:
    """Fill rows of numbers up to one length, ``(B, T)``."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in rows])


def _write(folder: Path, **values: Any) -> None:
    (folder / READER_FILE).write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
