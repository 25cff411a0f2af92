"""Base models: checkpoint folders that the operator installs for customers to fine-tune."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelmill_sdk import CustomerError

# Each subfolder with a config.json is one base model, named by the folder.
ROOT_VARIABLE = "MODELMILL_BASE_MODELS"
_DEFAULT_SIDE = 224


@dataclass(frozen=True, kw_only=True)
class Base:
    """An installed base model, and how it wants its pictures."""

    folder: Path
    resolution: int
    mean: list[float]
    deviation: list[float]


def base_names() -> list[str]:
    """Name the installed base models that classify pictures; none without a folder."""
    root = os.environ.get(ROOT_VARIABLE, "")
    if not root or not Path(root).is_dir():
        return []
    found = [path for path in sorted(Path(root).glob("*/config.json")) if _sees(_json(path))]
    return [path.parent.name for path in found]


def base_open(name: str) -> Base:
    """Find an installed base model. Raises CustomerError, naming those there are."""
    names = base_names()
    # Membership of the listing, rather than a joined path, so that no name can climb out.
    if name not in names:
        offer = f"Installed: {', '.join(names)}." if names else "No base model is installed here."
        said = f"There is no base model {name!r}." if name else "This network needs a base model."
        raise CustomerError(f"{said} {offer}", param="base")
    folder = Path(os.environ[ROOT_VARIABLE]) / name
    wanted = _json(folder / "preprocessor_config.json")
    side = _json(folder / "config.json").get("image_size", _DEFAULT_SIDE)
    half = [0.5, 0.5, 0.5]
    return Base(
        folder=folder,
        resolution=int(side) if isinstance(side, int) else _DEFAULT_SIDE,
        mean=[float(value) for value in wanted.get("image_mean") or half],
        deviation=[float(value) for value in wanted.get("image_std") or half],
    )


def _sees(config: dict[str, Any]) -> bool:
    """Say whether a configuration is of a network that looks at pictures."""
    return "num_channels" in config and "vocab_size" not in config


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
