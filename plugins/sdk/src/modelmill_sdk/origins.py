"""Where an installed plugin comes from: told before any of its code has run."""

import hashlib
import importlib.util
import json
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Named(BaseModel):
    """An entry point, by its name and its distribution's."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    entry_point: str = Field(min_length=1, max_length=120)
    distribution: str = Field(min_length=1, max_length=120)


class Origin(BaseModel):
    """One entry point's distribution, its place, and the digest of its files."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    entry_point: str = Field(max_length=120)
    distribution: str = Field(default="", max_length=120)
    version: str = Field(default="0", max_length=60)
    digest: str = Field(default="", max_length=80)
    location: str = Field(default="", max_length=500)
    # Installed with ``pip install -e``: its files are expected to change.
    is_editable: bool = False


def origin_of(entry_point: EntryPoint) -> Origin:
    """Describe an entry point without importing it.

    Told first, so that files that changed cannot speak for themselves.
    """
    found = entry_point.dist
    if found is None:
        return Origin(entry_point=entry_point.name, digest=source_digest(entry_point.module))
    return Origin(
        entry_point=entry_point.name,
        distribution=found.name,
        version=found.version,
        digest=source_digest(entry_point.module),
        location=str(found.locate_file("")),
        is_editable=_is_editable(found),
    )


def source_digest(module: str) -> str:
    """Hash the files of the package that holds ``module``, paths and contents; "" if it has none.

    The package is found and not imported.
    """
    spec = importlib.util.find_spec(module.partition(".")[0])
    if spec is None:
        return ""
    roots = [Path(root) for root in spec.submodule_search_locations or []]
    files = [(path.relative_to(root), path) for root in roots for path in sorted(root.rglob("*"))]
    if not roots and spec.origin:
        files = [(Path(Path(spec.origin).name), Path(spec.origin))]
    digest = hashlib.sha256()
    for name, path in files:
        if path.is_file() and "__pycache__" not in name.parts:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{name.as_posix()}\0{content}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def _is_editable(distribution: Distribution) -> bool:
    # PEP 610: how an installer notes where a distribution came from.
    text = distribution.read_text("direct_url.json")
    if not text:
        return False
    try:
        return bool(json.loads(text).get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return False
