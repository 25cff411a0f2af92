"""A finished model as files, and as a classifier that answers.

Axes: N texts, K classes.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from modelmill_text_classification.calibration import probabilities
from modelmill_text_classification.numbers import Reals
from modelmill_text_classification.whys import Why

CONFIG_FILE = "classifier.json"
LINEAR = ("words", "both")


class Model(Protocol):
    """What every method leaves."""

    def logits(self, texts: Sequence[str]) -> Reals:
        """Give the logits of texts, ``(N, K)``, each as if it were alone."""

    def why(self, text: str, label: int) -> Why:
        """Say what in a text speaks for a class."""

    def size(self) -> int:
        """Count the weights."""

    def save(self, folder: Path) -> None:
        """Write the model as safetensors and JSON."""


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """What all methods share: how it was learned, the labels, and the temperature of answers.

    ``prior`` is each class's share of what was learned from.
    """

    method: str
    labels: list[str]
    temperature: float = 1.0
    prior: list[float] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write it into a model's folder."""
        text = json.dumps({"format": "modelmill-text-classifier-1", **asdict(self)}, indent=1)
        (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "ClassifierConfig":
        """Read what ``write`` wrote."""
        values = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        return cls(**{name: values[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Classifier:
    """A model with its labels, ready to answer."""

    config: ClassifierConfig
    model: Model

    def logits(self, texts: Sequence[str]) -> Reals:
        """Give calibrated logits, ``(N, K)``."""
        return self.model.logits(texts) / self.config.temperature

    def chances(self, texts: Sequence[str]) -> Reals:
        """Give calibrated probabilities, ``(N, K)``."""
        return probabilities(self.logits(texts))


def model_load(folder: Path, *, method: str, device: str) -> Model:
    """Read a method's model."""
    if method in LINEAR:
        from modelmill_text_classification.linear import linear_load

        return linear_load(folder)
    from modelmill_text_classification.neural import neural_load

    return neural_load(folder, device)


def classifier_load(folder: Path, device: str) -> Classifier:
    """Read a finished training's folder."""
    config = ClassifierConfig.read(folder)
    return Classifier(config, model_load(folder, method=config.method, device=device))
