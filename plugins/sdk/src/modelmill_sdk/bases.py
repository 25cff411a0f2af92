"""The operator's base models: checkpoint folders that plugins fine-tune, or use as they are."""

import json
import os
from pathlib import Path
from typing import Any

from modelmill_sdk.errors import CustomerError

# Each subfolder with a config.json is one base model, named by the folder.
ROOT_VARIABLE = "MODELMILL_BASE_MODELS"
# In a model's folder: it is a base model, and has no bytes of its own.
INSTALLED_FILE = "installed.json"
_MAX_BYTES = 1 << 20


def base_names() -> list[str]:
    """Name the installed base models, in order; none where the operator set no folder."""
    root = os.environ.get(ROOT_VARIABLE, "")
    if not root or not Path(root).is_dir():
        return []
    return sorted(path.parent.name for path in Path(root).glob("*/config.json"))


def base_folder(name: str, *, needed_by: str = "This method") -> Path:
    """Find an installed base model. Raises CustomerError, naming those there are."""
    names = base_names()
    # Membership of the listing, rather than a joined path, so that no name can climb out.
    if name in names:
        return Path(os.environ[ROOT_VARIABLE]) / name
    offer = f"Installed: {', '.join(names)}." if names else "No base model is installed here."
    said = f"There is no base model {name!r}." if name else f"{needed_by} needs a base model."
    raise CustomerError(f"{said} {offer}", param="base")


def base_json(path: Path) -> dict[str, Any]:
    """Read a small JSON file of a base model; nothing where it is missing, or holds no object."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return {}
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def installed_folder(model_dir: Path) -> Path:
    """Return the base model's folder that a model's folder stands for, or that folder itself.

    Raises CustomerError when the operator has taken the base model away.
    """
    name = base_json(model_dir / INSTALLED_FILE).get("folder", "")
    if not name:
        return model_dir
    if name not in base_names():
        said = f"The operator has taken the model {name!r} away."
        raise CustomerError(f"{said} GET /v1/models lists those there are.", param="model")
    return base_folder(name)
