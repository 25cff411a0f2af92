"""The shape of a model: everything needed to build it again and to read its answers."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

CONFIG_FILE = "classifier.json"
WEIGHTS_FILE = "model.safetensors"

Family = Literal["small", "borrowed"]
Norm = Literal["batch", "group"]


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """A classifier without its weights.

    ``mean`` and ``deviation`` are of pixels in 0 … 1, one for each channel. ``temperature`` divides
    the logits of an answer. ``stem`` is the width of a "small" network's first layer, 0 as wide as
    the rest of it begins. A "borrowed" network's own shape stands in the ``config.json`` of
    ``transformers``.
    """

    family: Family
    labels: list[str]
    resolution: int
    channels: int
    width: int = 0
    stem: int = 0
    norm: Norm = "batch"
    mean: list[float] = field(default_factory=list)
    deviation: list[float] = field(default_factory=list)
    temperature: float = 1.0

    def write(self, folder: Path) -> None:
        """Write the configuration into a model's folder."""
        text = json.dumps({"format": "modelmill-classifier-1", **asdict(self)}, indent=2)
        (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "ClassifierConfig":
        """Read what ``write`` wrote."""
        values = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        # What is not there came later than the model, and its default is what the model was.
        return cls(**{name: values[name] for name in cls.__dataclass_fields__ if name in values})
