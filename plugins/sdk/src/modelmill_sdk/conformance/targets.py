"""The plugin under check: which class it is, in words that another process understands."""

import importlib
import importlib.util
import json
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

from modelmill_sdk.discovery import entry_points_found
from modelmill_sdk.errors import PluginError
from modelmill_sdk.plugin import Plugin


@dataclass(frozen=True)
class Target:
    """Where a plugin class comes from.

    ``file`` is read where ``module`` cannot be imported by its name; ``paths`` go on ``sys.path``
    first; ``entry_point`` is the name it is offered under, empty for a class that nobody installed.
    """

    module: str
    name: str
    file: str
    paths: tuple[str, ...] = ()
    entry_point: str = ""

    def encode(self) -> str:
        """Give it as one JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> "Target":
        """Read what ``encode`` gave."""
        values = json.loads(text)
        return cls(**{**values, "paths": tuple(values["paths"])})


def target_of(plugin: type[Plugin], *, paths: tuple[str, ...] = ()) -> Target:
    """Say where a class comes from. Raises PluginError for one made inside a function."""
    if "<locals>" in plugin.__qualname__:
        raise PluginError(
            f"{plugin.__qualname__} is made inside a function; the kit runs a plugin in processes "
            "of its own, which must be able to import it: put the class on its module's level."
        )
    file = getattr(sys.modules.get(plugin.__module__), "__file__", None) or ""
    package = plugin.__module__.partition(".")[0]
    offered = [
        point.name for point in entry_points_found() if point.module.partition(".")[0] == package
    ]
    return Target(
        module=plugin.__module__,
        name=plugin.__qualname__,
        file=file,
        paths=paths,
        entry_point=offered[0] if offered else "",
    )


def target_load(target: Target) -> type[Plugin]:
    """Import the class here."""
    found: object = _module_load(target)
    for part in target.name.split("."):
        found = getattr(found, part)
    assert isinstance(found, type) and issubclass(found, Plugin)
    return found


def target_entry_point(target: Target) -> EntryPoint:
    """Give the entry point that the class is offered under, or one made up for the moment."""
    package = target.module.partition(".")[0]
    for point in entry_points_found():
        if point.name == target.entry_point and point.module.partition(".")[0] == package:
            return point
    return EntryPoint(target.entry_point or target.name, target.module, "modelmill")


def _module_load(target: Target) -> ModuleType:
    for path in reversed(target.paths):
        if path not in sys.path:
            sys.path.insert(0, path)
    try:
        module = importlib.import_module(target.module)
        if not target.file or getattr(module, "__file__", "") == target.file:
            return module
    except ModuleNotFoundError as error:
        # Another module that is missing is the author's business.
        if not target.module.startswith(error.name or "\0"):
            raise
    return _file_load(target)


def _file_load(target: Target) -> ModuleType:
    name = target.module.rpartition(".")[2]
    spec = importlib.util.spec_from_file_location(name, target.file)
    if spec is None or spec.loader is None or not Path(target.file).is_file():
        raise PluginError(f"The module {target.module} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
