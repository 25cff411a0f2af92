"""The operator's base models: checkpoint folders that plugins fine-tune, or use as they are."""

import json
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk.artifacts import is_pickle
from modelmill_sdk.errors import CustomerError
from modelmill_sdk.plugin import LeftOut

# Each subfolder with a config.json is one base model, named by the folder.
ROOT_VARIABLE = "MODELMILL_BASE_MODELS"
# In a model's folder: it is a base model, and has no bytes of its own.
INSTALLED_FILE = "installed.json"
_MAX_BYTES = 1 << 20
# Why a base model is left out, for the operator; the cockpit has both in its languages.
PICKLED = "Its weights are pickles, which run code when they are opened: save them as safetensors."
WEIGHTLESS = "It has no weights: there is no .safetensors file in it."


def base_names() -> list[str]:
    """Name the installed base models, in order; none where the operator set no folder.

    Those whose weights are pickles alone are left out: nothing here opens them.
    """
    return [folder.name for folder in base_folders()]


def base_folders() -> list[Path]:
    """List the folders of ``base_names``, for those who look into each of them."""
    return [folder for folder in _folders() if base_refusal(folder) != PICKLED]


def base_refusal(folder: Path) -> str:
    """Say why a base model's weights are not opened; empty for weights in safetensors."""
    if any(folder.glob("*.safetensors")):
        return ""
    return PICKLED if any(_is_pickled(path) for path in folder.glob("*")) else WEIGHTLESS


def bases_left_out(is_ours: Callable[[dict[str, Any]], bool]) -> list[LeftOut]:
    """List the base models whose weights are not opened, of those whose configuration is ours."""
    return [
        LeftOut(folder=folder.name, reason=reason)
        for folder in _folders()
        if (reason := base_refusal(folder)) and is_ours(base_json(folder / "config.json"))
    ]


def bases_offered(is_ours: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Name the base models that can be opened, of those whose configuration is ours."""
    return [
        folder.name
        for folder in _folders()
        if not base_refusal(folder) and is_ours(base_json(folder / "config.json"))
    ]


def reads_text(config: dict[str, Any]) -> bool:
    """Say whether a configuration is of a network that reads text: it has a vocabulary."""
    return "vocab_size" in config


def base_needed(parameter: str, values: Sequence[str]) -> dict[str, Any]:
    """Say in a schema that these ``values`` of a parameter need a ``base``.

    For the ``json_schema_extra`` of a class with both: whoever leaves the base model out is told
    so before there is a job.
    """
    asked = {"properties": {parameter: {"enum": list(values)}}, "required": [parameter]}
    given = {"properties": {"base": {"minLength": 1}}, "required": ["base"]}
    return {"allOf": [{"if": asked, "then": given}]}


def base_folder(name: str, *, needed_by: str = "This method") -> Path:
    """Find an installed base model. Raises CustomerError, naming those there are."""
    found = _found(name)
    if found is not None:
        return found
    names = base_names()
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
    found = _found(name)
    if found is None:
        said = f"The operator has taken the model {name!r} away."
        raise CustomerError(f"{said} GET /v1/models lists those there are.", param="model")
    return found


def _folders() -> list[Path]:
    root = os.environ.get(ROOT_VARIABLE, "")
    if not root or not Path(root).is_dir():
        return []
    return sorted(path.parent for path in Path(root).glob("*/config.json"))


def _found(name: str) -> Path | None:
    """Find one by its name, and look into no other."""
    # Membership of the listing, rather than a joined path, so that no name can climb out.
    named = [folder for folder in _folders() if folder.name == name]
    return next((folder for folder in named if base_refusal(folder) != PICKLED), None)


def _is_pickled(path: Path) -> bool:
    try:
        return path.is_file() and is_pickle(path)
    except (OSError, zipfile.BadZipFile):
        return False
