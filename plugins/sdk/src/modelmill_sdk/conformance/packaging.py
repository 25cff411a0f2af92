"""A plugin's folder made findable without installing it: the metadata of its pyproject.toml."""

import importlib
import sys
import tomllib
from pathlib import Path
from typing import Any

from modelmill_sdk.conformance.targets import Target, target_of
from modelmill_sdk.errors import PluginError
from modelmill_sdk.hookspecs import GROUP
from modelmill_sdk.plugin import Plugin


def project_publish(folder: Path, site: Path) -> tuple[str, ...]:
    """Write a project's metadata below ``site`` as an installer would, and give the paths to it.

    Raises PluginError where there is no pyproject.toml, or no entry point in it.
    """
    file = folder / "pyproject.toml"
    if not file.is_file():
        raise PluginError(f"{folder} has no pyproject.toml; name a plugin's folder.")
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    except tomllib.TOMLDecodeError as error:
        raise PluginError(f"{file} cannot be read: {error}") from error
    offered = project.get("entry-points", {}).get(GROUP, {})
    if not offered:
        raise PluginError(f"{file} has no [project.entry-points.{GROUP}] that names a module.")
    name = str(project.get("name", folder.name))
    described = site / f"{name.replace('-', '_')}-{project.get('version', '0')}.dist-info"
    described.mkdir(parents=True, exist_ok=True)
    points = "".join(f"{point} = {value}\n" for point, value in offered.items())
    (described / "entry_points.txt").write_text(f"[{GROUP}]\n{points}", encoding="utf-8")
    (described / "METADATA").write_text(_metadata(name, project), encoding="utf-8")
    sources = folder / "src" if (folder / "src").is_dir() else folder
    return (str(site.resolve()), str(sources.resolve()))


def project_target(plugin: type[Plugin], site: Path) -> Target:
    """Say where a class comes from; if its project is not installed, its metadata go to ``site``.

    So the project's own test passes before anybody has installed it.
    """
    target = target_of(plugin)
    folder = _project_of(target)
    if target.entry_point or folder is None:
        return target
    paths = project_publish(folder, site)
    sys.path.insert(0, paths[0])
    try:
        importlib.invalidate_caches()
        return target_of(plugin, paths=paths)
    finally:
        sys.path.remove(paths[0])


def _project_of(target: Target) -> Path | None:
    """Find the project that offers the class's package, from its file upwards."""
    for folder in Path(target.file).parents:
        file = folder / "pyproject.toml"
        if file.is_file():
            project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
            modules = project.get("entry-points", {}).get(GROUP, {}).values()
            package = target.module.partition(".")[0]
            return folder if package in {name.partition(".")[0] for name in modules} else None
    return None


def _metadata(name: str, project: dict[str, Any]) -> str:
    licence = project.get("license", "")
    authors = ", ".join(one["name"] for one in project.get("authors", ()) if "name" in one)
    lines = {
        "Metadata-Version": "2.4",
        "Name": name,
        "Version": str(project.get("version", "0")),
        "Summary": project.get("description", ""),
        "Author": authors,
        "License-Expression": licence if isinstance(licence, str) else licence.get("text", ""),
    }
    return "".join(f"{key}: {value}\n" for key, value in lines.items() if value)
