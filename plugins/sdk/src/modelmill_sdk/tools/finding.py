"""Which plugin a word on the command line means: a folder, a file, a module, or an id."""

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

from modelmill_sdk.conformance.packaging import project_publish
from modelmill_sdk.conformance.targets import Target, target_of
from modelmill_sdk.discovery import entry_points_found, plugins_load
from modelmill_sdk.errors import PluginError
from modelmill_sdk.hookspecs import GROUP
from modelmill_sdk.plugin import Plugin


@dataclass(frozen=True)
class Found:
    """A plugin class, and how another process finds it."""

    plugin: type[Plugin]
    target: Target


def plugins_find(word: str, *, site: Path) -> list[Found]:
    """Give the plugins that a word means; ``site`` takes the metadata of one not installed.

    Raises PluginError if there is none, and whatever its import raises.
    """
    path = Path(word)
    if path.is_dir():
        return _of_folder(path.resolve(), site)
    if path.suffix == ".py":
        return _of_file(path.resolve())
    points = entry_points_found()
    named = [point for point in points if word in (point.name, point.module)]
    if not named:
        named = [EntryPoint(word, word, GROUP)] if _is_module(word) else []
    if named:
        return [Found(one, target_of(one)) for point in named for one in plugins_load(point)]
    known = ", ".join(point.name for point in points) or "none"
    raise PluginError(
        f"{word!r} is neither a plugin's folder nor a module, nor installed; installed: {known}."
    )


def plugin_find_one(word: str, *, site: Path, plugin_id: str | None = None) -> Found:
    """Give the only plugin that a word means, or the one with that id.

    Raises PluginError where there are several, or none with the id.
    """
    found = plugins_find(word, site=site)
    chosen = [one for one in found if plugin_id in (None, one.plugin.id)]
    ids = ", ".join(one.plugin.id for one in found) or "none"
    if not chosen:
        raise PluginError(f"{word} brings no plugin {plugin_id or ''!r}; there are: {ids}.")
    if len(chosen) != 1:
        raise PluginError(f"{word} brings several plugins ({ids}); choose one with --id.")
    return chosen[0]


def _of_folder(folder: Path, site: Path) -> list[Found]:
    paths = project_publish(folder, site)
    sys.path[:0] = [path for path in paths if path not in sys.path]
    importlib.invalidate_caches()
    published = [point for point in entry_points_found() if _is_below(point, site)]
    return [
        Found(plugin, target_of(plugin, paths=paths))
        for point in published
        for plugin in plugins_load(point)
    ]


def _of_file(file: Path) -> list[Found]:
    if not file.is_file():
        raise PluginError(f"{file} is not there.")
    paths = (str(file.parent),)
    sys.path[:0] = [path for path in paths if path not in sys.path]
    importlib.invalidate_caches()
    point = EntryPoint(file.stem, file.stem, GROUP)
    return [Found(one, target_of(one, paths=paths)) for one in plugins_load(point)]


def _is_below(point: EntryPoint, site: Path) -> bool:
    return point.dist is not None and Path(str(point.dist.locate_file(""))).resolve() == site


def _is_module(word: str) -> bool:
    try:
        return importlib.util.find_spec(word) is not None
    except (ImportError, ValueError):
        return False
