"""The same text cut into other tokens each time it is read, so that it is not learned by heart.

After BPE-dropout (Provilkov, Emelianenko, Voita, ACL 2020), which leaves out merges at random word
by word. Here a stretch of text loses some merges for a whole round, which a seed can repeat and the
library's own encoder does at its full speed.
"""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from modelmill_text_generation.corpus import Layout, Rows, join_texts

# Of all merges. Tiny Shakespeare becomes a sixth longer by it.
LEFT_OUT = 0.05


class Redrawing:
    """A split's tokens ``(N,)`` of each round, the next round's made while this one is learned."""

    def __init__(self, rows: Rows, tokenizer: Any, *, layout: Layout, seed: int) -> None:
        """Take a tokenizer of byte pairs and rows that are passages of one text."""
        self._texts = join_texts(rows, layout)
        self._described = json.loads(tokenizer.backend_tokenizer.to_str())
        self._seed = seed
        self._maker = ThreadPoolExecutor(max_workers=1)
        self._next: tuple[int, Future[Tensor]] | None = None

    def at(self, number: int) -> Tensor:
        """Give the tokens of a round; the same number gives the same ones."""
        if self._next is not None and self._next[0] == number:
            tokens = self._next[1].result()
        else:
            tokens = self._made(number)
        self._next = (number + 1, self._maker.submit(self._made, number + 1))
        return tokens

    def _made(self, number: int) -> Tensor:
        parts = []
        for place, text in enumerate(self._texts):
            tokenizer = self._thinned((self._seed, number, place))
            [encoded] = tokenizer.encode_batch_fast([text], add_special_tokens=False)
            parts.append(np.asarray(encoded.ids, dtype=np.int32))
        return torch.from_numpy(np.concatenate(parts))

    def _thinned(self, seed: tuple[int, int, int]) -> Tokenizer:
        model = self._described["model"]
        is_kept = np.random.default_rng(seed).random(len(model["merges"])) >= LEFT_OUT
        merges = [merge for merge, kept in zip(model["merges"], is_kept, strict=True) if kept]
        described = {**self._described, "model": {**model, "merges": merges}}
        return Tokenizer.from_str(json.dumps(described))
