"""A linear model on TF-IDF: the baseline that networks have to beat, and often do not.

A support vector machine for each class against the rest (Joachims: "Text categorization with
support vector machines", 1998), fitted by scikit-learn; Wang and Manning: "Baselines and bigrams",
ACL 2012, on why pairs of words matter for sentiment.

Axes: N texts, F n-grams, K classes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from safetensors.numpy import load_file, save_file

from modelmill_text_classification.ngrams import Ngrams
from modelmill_text_classification.numbers import Numbers, Reals
from modelmill_text_classification.tfidf import Tfidf
from modelmill_text_classification.whys import Why

_WEIGHTS_FILE = "model.safetensors"
_NGRAMS_FILE = "ngrams.json"


@dataclass(kw_only=True)
class LinearModel:
    """N-grams with a weight for each class, ``(K, F)``, and a bias, ``(K,)``."""

    tfidf: Tfidf
    weights: Reals
    bias: Reals

    def logits(self, texts: Sequence[str]) -> Reals:
        """Give the margins of texts, ``(N, K)``; each row is computed by itself."""
        return self.logits_of(self.tfidf.transform(texts))

    def logits_of(self, rows: sp.csr_matrix) -> Reals:
        """Give the margins of rows, ``(N, K)``."""
        margins: Reals = rows @ self.weights.T + self.bias
        return margins

    def why(self, text: str, label: int) -> Why:
        """Give each n-gram's exact part in how far a class is above the mean of all."""
        row = self.tfidf.transform([text])
        contrast = self.weights[label] - self.weights.mean(axis=0)  # (F,)
        parts = row.data * contrast[row.indices]
        named = [
            (self.tfidf.name(int(feature)), float(part))
            for feature, part in zip(row.indices, parts, strict=True)
        ]
        base = float(self.bias[label] - self.bias.mean())
        return Why(method="contributions", parts=named, base=base)

    def size(self) -> int:
        """Count the weights."""
        return int(self.weights.size + self.bias.size)

    def save(self, folder: Path) -> None:
        """Write the model as safetensors and JSON."""
        tensors: dict[str, Any] = {
            # Half the bytes; what is computed from is what was stored.
            "weights": self.weights.astype(np.float32),
            "bias": self.bias.astype(np.float32),
            "idf": self.tfidf.idf.astype(np.float32),
        }
        described = []
        for number, kind in enumerate(self.tfidf.kinds):
            tensors[f"keys{number}"] = kind.keys
            described.append(
                {
                    "unit": kind.unit,
                    "lowest": kind.lowest,
                    "highest": kind.highest,
                    "units": kind.units,
                }
            )
        save_file(tensors, folder / _WEIGHTS_FILE)
        text = json.dumps(described, ensure_ascii=False)
        (folder / _NGRAMS_FILE).write_text(text, encoding="utf-8")


def linear_load(folder: Path) -> LinearModel:
    """Read what ``save`` wrote."""
    tensors = load_file(folder / _WEIGHTS_FILE)
    described = json.loads((folder / _NGRAMS_FILE).read_text(encoding="utf-8"))
    kinds = [Ngrams(**one, keys=tensors[f"keys{n}"]) for n, one in enumerate(described)]
    return LinearModel(
        tfidf=Tfidf(kinds=kinds, idf=tensors["idf"].astype(np.float64)),
        weights=tensors["weights"].astype(np.float64),
        bias=tensors["bias"].astype(np.float64),
    )


def linear_fit(
    rows: sp.csr_matrix, labels: Numbers, *, classes: int, strength: float, is_balanced: bool
) -> tuple[Reals, Reals]:
    """Fit weights ``(K, F)`` and bias ``(K,)``; ``strength`` is the machine's C.

    A class without examples gets no weights and so low a bias that it is never the answer.
    """
    from sklearn.svm import LinearSVC

    machine = LinearSVC(
        C=strength,
        class_weight="balanced" if is_balanced else None,
        # One random order of visits, the same each time: a seed is not what decides here.
        random_state=0,
        max_iter=2000,
        tol=1e-3,
    )
    machine.fit(rows, labels)
    weights = np.zeros((classes, rows.shape[1]))
    bias = np.full(classes, -10.0)
    if len(machine.classes_) == 2:
        # One machine for two classes: its margin speaks for the second, against the first.
        sign = np.array([-1.0, 1.0])[:, None]
        weights[machine.classes_] = sign * machine.coef_
        bias[machine.classes_] = sign[:, 0] * machine.intercept_[0]
    else:
        weights[machine.classes_] = machine.coef_
        bias[machine.classes_] = machine.intercept_
    # As they are stored, so that an answer now is an answer later.
    return weights.astype(np.float32).astype(float), bias.astype(np.float32).astype(float)
