"""The shape of a model: what is needed to build its network again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from modelmill_sdk import CustomerError

CONFIG_FILE = "config.json"
ARCHITECTURE = "modelmill-vae-2"


@dataclass(frozen=True)
class VaeConfig:
    """Sizes of the encoder and the decoder; ``widths`` are the features at each half of the side.

    With few halvings the latent is joined to a picture's places rather than to what is in it: that
    learns from few pictures, and quickly.
    """

    resolution: int = 64
    channels: int = 3
    widths: tuple[int, ...] = (16, 64)
    latent_size: int = 64

    @property
    def side(self) -> int:
        """The side of the smallest features."""
        return self.resolution >> len(self.widths)

    def write(self, folder: Path) -> None:
        """Write it as `config.json` into a model's folder."""
        text = json.dumps({"architecture": ARCHITECTURE, **asdict(self)}, indent=2)
        (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "VaeConfig":
        """Read what `write` wrote; raises CustomerError for a model of another architecture."""
        values = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        if values.pop("architecture") != ARCHITECTURE:
            raise CustomerError(
                "This model is of another release, which this one cannot read. Use it with the "
                "release that made it, or train again."
            )
        return cls(**{**values, "widths": tuple(values["widths"])})
