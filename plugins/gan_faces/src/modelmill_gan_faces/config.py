"""The shape of a Faces model: everything that is needed to build its two networks again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from modelmill_sdk import CustomerError

CONFIG_FILE = "config.json"
ARCHITECTURE = "modelmill-faces-1"

MAX_CHANNELS = 512


@dataclass(frozen=True)
class FacesConfig:
    """Sizes of both networks.

    `width` is the number of feature channels at half the picture's resolution; each halving of
    the resolution doubles it, up to `MAX_CHANNELS`, so that every layer costs about the same.
    `labels` are the names that were learnt, with how many pictures each had; none for a model
    that knows no labels.
    """

    resolution: int = 64
    channels: int = 3
    width: int = 16
    latent_size: int = 64
    labels: tuple[str, ...] = ()
    label_counts: tuple[int, ...] = ()

    def widths(self) -> list[int]:
        """Feature channels at 4×4, 8×8 … up to half the resolution, in that order."""
        halvings = (self.resolution // 8).bit_length() - 1
        return [min(self.width << (halvings - i), MAX_CHANNELS) for i in range(halvings + 1)]

    def write(self, folder: Path) -> None:
        """Write the configuration as `config.json` into a model's folder."""
        text = json.dumps({"architecture": ARCHITECTURE, **asdict(self)}, indent=2)
        (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "FacesConfig":
        """Read what `write` wrote, now or in release 0.1.0, which knew no labels.

        Raises CustomerError for a model of a release that this one cannot read.
        """
        values = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        if values["architecture"] != ARCHITECTURE:
            raise CustomerError(
                f"This model is a {values['architecture']}, and this release of Faces reads "
                f"{ARCHITECTURE}. Use it with the release that made it, or train again."
            )
        sizes = ("resolution", "channels", "width", "latent_size")
        return cls(
            **{name: int(values[name]) for name in sizes},
            labels=tuple(values.get("labels", ())),
            label_counts=tuple(values.get("label_counts", ())),
        )
