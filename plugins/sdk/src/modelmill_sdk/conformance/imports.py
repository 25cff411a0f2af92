"""The heavy libraries that a plugin's source imports somewhere, found without importing it."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from modelmill_sdk.conformance.sightings import LEARNABLE
from modelmill_sdk.plugin import Plugin

_MAX_FILES = 200


def imports_found(plugin: type[Plugin]) -> list[str]:
    """Name the libraries worth importing once before several processes need them."""
    names = {name for file in _files(plugin) for name in _names(file)}
    return [known for known in LEARNABLE if known in names or known.partition(".")[0] in names]


def _files(plugin: type[Plugin]) -> list[Path]:
    spec = importlib.util.find_spec(plugin.__module__.partition(".")[0])
    roots = list(spec.submodule_search_locations or []) if spec else []
    single = [Path(spec.origin)] if spec and spec.origin and not roots else []
    return [*single, *(file for root in roots for file in Path(root).rglob("*.py"))][:_MAX_FILES]


def _names(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Subscript) and _is_data(node.value):
            # run.data["train"] opens a split with the datasets library.
            yield "datasets"


def _is_data(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name == "data"
