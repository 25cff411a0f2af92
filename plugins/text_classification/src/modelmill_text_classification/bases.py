"""Base encoders: checkpoint folders that the operator installs for customers to fine-tune."""

import os
from pathlib import Path

from modelmill_sdk import CustomerError

# Each subfolder with a config.json is one base model, named by the folder.
ROOT_VARIABLE = "MODELMILL_BASE_MODELS"


def base_names() -> list[str]:
    """Name the installed base models, in order; none where the operator set no folder."""
    root = os.environ.get(ROOT_VARIABLE, "")
    if not root or not Path(root).is_dir():
        return []
    return sorted(path.parent.name for path in Path(root).glob("*/config.json"))


def base_folder(name: str) -> Path:
    """Find an installed base model. Raises CustomerError, naming those there are."""
    names = base_names()
    # Membership of the listing, rather than a joined path, so that no name can climb out.
    if name in names:
        return Path(os.environ[ROOT_VARIABLE]) / name
    offer = f"Installed: {', '.join(names)}." if names else "No base model is installed here."
    said = f"There is no base model {name!r}." if name else "This method needs a base model."
    raise CustomerError(f"{said} {offer}", param="base")
