"""The shape of a model: what is needed to build its network again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from modelmill_sdk import CustomerError

CONFIG_FILE = "config.json"
ARCHITECTURE = "modelmill-vae-1"
MAX_FEATURES = 256


@dataclass(frozen=True)
class VaeConfig:
    """Sizes of the encoder and the decoder; ``width`` doubles with each halving of the side."""

    resolution: int = 64
    channels: int = 3
    width: int = 16
    latent_size: int = 64

    def widths(self) -> list[int]:
        """Feature channels at half the side, a quarter … 4×4, in that order."""
        halvings = (self.resolution // 4).bit_length() - 1
        return [min(self.width << place, MAX_FEATURES) for place in range(halvings)]

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
        return cls(**values)
