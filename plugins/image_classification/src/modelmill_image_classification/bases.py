"""Base models: checkpoint folders that the operator installs for customers to fine-tune."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelmill_sdk import CustomerError, LeftOut
from modelmill_sdk.bases import (
    base_folder,
    base_json,
    bases_left_out,
    bases_offered,
    reads_text,
)

_DEFAULT_SIDE = 224


@dataclass(frozen=True, kw_only=True)
class Base:
    """An installed base model, and how it wants its pictures."""

    folder: Path
    resolution: int
    mean: list[float]
    deviation: list[float]


def pictures_left_out() -> list[LeftOut]:
    """List the base models that look at pictures and cannot be opened, and why."""
    return bases_left_out(_sees)


def pictures_offered() -> list[str]:
    """List the base models that look at pictures and can be opened."""
    return bases_offered(_sees)


def base_open(name: str) -> Base:
    """Find an installed base model. Raises CustomerError, naming those there are."""
    names = pictures_offered()
    if name not in names:
        offer = f"Installed: {', '.join(names)}." if names else "No base model is installed here."
        said = f"There is no base model {name!r}." if name else "This network needs a base model."
        raise CustomerError(f"{said} {offer}", param="base")
    folder = base_folder(name)
    wanted = base_json(folder / "preprocessor_config.json")
    side = base_json(folder / "config.json").get("image_size", _DEFAULT_SIDE)
    half = [0.5, 0.5, 0.5]
    return Base(
        folder=folder,
        resolution=int(side) if isinstance(side, int) else _DEFAULT_SIDE,
        mean=[float(value) for value in wanted.get("image_mean") or half],
        deviation=[float(value) for value in wanted.get("image_std") or half],
    )


def _sees(config: dict[str, Any]) -> bool:
    """Say whether a configuration is of a network that looks at pictures."""
    return "num_channels" in config and not reads_text(config)
