"""How a release is run: by which interpreter, and what its process is told about it."""

import os
import sys
from pathlib import Path
from typing import TypedDict

from django.conf import settings
from modelmill.catalog.models import Release
from modelmill_sdk.bases import ROOT_VARIABLE


class Named(TypedDict):
    """What every message with work for a plugin says of it."""

    plugin_id: str
    entry_point: str
    distribution: str
    digest: str


def release_named(release: Release) -> Named:
    """Name a release to its process, which refuses other files than those it was described by."""
    return Named(
        plugin_id=release.plugin_id,
        entry_point=release.entry_point,
        distribution=release.distribution,
        digest="" if release.manifest.get("is_editable") else release.digest,
    )


def release_python(release: Release) -> Path | None:
    """Return the interpreter of the release's own environment, None for the workers' own."""
    return Path(release.python) if release.python else None


def release_paths(release: Release) -> tuple[Path, ...]:
    """Return where its interpreter looks for modules first; an own environment is complete."""
    return () if release.python else tuple(settings.PLUGIN_PATHS)


def environments_found() -> list[Path]:
    """List the interpreters of the environments that the operator set up for plugins."""
    found = []
    for folder in settings.PLUGIN_ENVIRONMENTS:
        inner = sorted(path for path in folder.glob("*") if path.is_dir())
        for place in [folder, *inner]:
            # Not resolved: an environment is known by its own link to the interpreter.
            python = place.absolute() / "bin" / "python"
            if python.exists() and python != Path(sys.executable):
                found.append(python)
    return found


def environments_fingerprint() -> str:
    """Return a text that changes when something is installed into an environment, or removed.

    An installer adds or removes a name in the folder of modules, which sets that folder's time. So
    does the operator in the folder of base models, and in each of them.
    """
    folders = [Path(entry) for entry in sys.path if entry]
    for python in environments_found():
        folders += sorted(python.parents[1].glob("lib/python*/site-packages"))
    if root := os.environ.get(ROOT_VARIABLE, ""):
        folders += [Path(root), *sorted(Path(root).glob("*/"))]
    times = [f"{path}:{path.stat().st_mtime_ns}" for path in folders if path.is_dir()]
    return "\n".join(times)
