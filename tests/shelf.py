"""The plugins that come with Modelmill, as the platform hears of them."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from modelmill_sdk import Plugin
from modelmill_sdk.describing import manifest_make
from modelmill_sdk.discovery import plugins_load
from modelmill_sdk.hookspecs import GROUP

_MODULES = sorted((Path(__file__).parents[1] / "plugins").glob("*/src/*/plugin.py"))
_POINTS = [
    EntryPoint(path.parent.name.removeprefix("modelmill_"), f"{path.parent.name}.plugin", GROUP)
    for path in _MODULES
    if path.parent.name != "modelmill_sdk"
]

SHIPPED: dict[type[Plugin], EntryPoint] = {
    plugin: point for point in _POINTS for plugin in plugins_load(point)
}


def shipped_manifest(plugin: type[Plugin], *, out_dir: Path | None = None) -> dict[str, Any]:
    """Describe a plugin of the shelf as a worker publishes it; pictures go to ``out_dir``."""
    manifest = manifest_make(plugin, entry_point=SHIPPED[plugin], out_dir=out_dir)
    return manifest.model_dump(mode="json")
