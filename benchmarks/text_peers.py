"""What text classification is compared with, each as its textbook has it.

Axes: B texts, T tokens, K classes.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

Answers = np.ndarray[Any, np.dtype[np.int64]]
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
_EPOCHS = 8


def tfidf_regression(
    texts: Sequence[str], labels: Answers, asked: Sequence[str], seed: int
) -> Answers:
    """TF-IDF of words and pairs, and scikit-learn's logistic regression with its own defaults."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectors = TfidfVectorizer(ngram_range=(1, 2), tokenizer=_words, token_pattern=None)
    pipeline = make_pipeline(vectors, LogisticRegression(max_iter=1000))
    found: Answers = pipeline.fit(texts, labels).predict(asked)
    return found


def fast_text(texts: Sequence[str], labels: Answers, asked: Sequence[str], seed: int) -> Answers:
    """The mean of embeddings of hashed words and pairs, a linear layer; eight epochs of Adam."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    buckets = 1 << 17
    network = nn.Sequential(
        nn.EmbeddingBag(buckets, 32, mode="mean"), nn.Linear(32, int(labels.max()) + 1)
    )
    return _learned(
        network,
        [_hashed(t, buckets) for t in texts],
        labels,
        [_hashed(t, buckets) for t in asked],
        rate=5e-3,
        seed=seed,
    )


def lstm(texts: Sequence[str], labels: Answers, asked: Sequence[str], seed: int) -> Answers:
    """Word embeddings, an LSTM in both directions, its last states, a linear layer; Adam."""
    import torch

    torch.manual_seed(seed)
    counted = Counter(word for text in texts for word in _words(text))
    numbers = {word: at for at, (word, _) in enumerate(counted.most_common(20_000), start=2)}
    rows = [
        [[numbers.get(w, 1) for w in _words(t)][:120] or [1] for t in some]
        for some in (texts, asked)
    ]
    network = _lstm(len(numbers) + 2, int(labels.max()) + 1)
    return _learned(network, rows[0], labels, rows[1], rate=2e-3, seed=seed)


def _lstm(words: int, classes: int) -> Any:
    import torch
    from torch import Tensor, nn

    class Lstm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(words, 100, padding_idx=0)
            self.lstm = nn.LSTM(100, 64, batch_first=True, bidirectional=True)
            self.output = nn.Linear(128, classes)

        def forward(self, ids: Tensor) -> Tensor:
            lengths = (ids != 0).sum(dim=1).cpu()  # (B,)
            packed = nn.utils.rnn.pack_padded_sequence(
                self.embedding(ids), lengths, batch_first=True, enforce_sorted=False
            )
            _, (last, _) = self.lstm(packed)
            logits: Tensor = self.output(torch.cat([last[0], last[1]], dim=1))
            return logits

    return Lstm()


def _learned(
    network: Any,
    rows: list[list[int]],
    labels: Answers,
    asked: list[list[int]],
    *,
    rate: float,
    seed: int,
) -> Answers:
    import torch
    from torch.nn import functional as F

    random, answers = np.random.default_rng(seed), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(_EPOCHS):
        order = random.permutation(len(rows))
        for first in range(0, len(rows), 32):
            some = order[first : first + 32]
            optimizer.zero_grad()
            loss = F.cross_entropy(network(_padded([rows[at] for at in some])), answers[some])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    network.eval()
    with torch.no_grad():
        parts = [
            network(_padded(asked[first : first + 256])).argmax(dim=1).numpy()
            for first in range(0, len(asked), 256)
        ]
    return np.concatenate(parts)


def _padded(rows: list[list[int]]) -> Any:
    import torch

    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


def _hashed(text: str, buckets: int) -> list[int]:
    words = _words(text)
    pairs = [f"{one} {two}" for one, two in pairwise(words)]
    return [1 + zlib.crc32(one.encode()) % (buckets - 1) for one in (words + pairs)[:400]] or [1]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
