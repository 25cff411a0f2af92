"""What a plugin author imports: the plugin class, the runs, the errors, the hook marker.

Names are loaded on first use (PEP 562), because the platform's web process imports this package
for its constants and must pay neither for pluggy nor for anything heavier.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelmill_sdk.errors import Cancelled, CustomerError, ManifestError, PluginError
    from modelmill_sdk.hookspecs import hookimpl
    from modelmill_sdk.plugin import Installed, LeftOut, Needs, Params, Plugin, Problem, Trial
    from modelmill_sdk.runs import PredictRun, TrainRun
    from modelmill_sdk.seeding import seed_everything

__all__ = [
    "Cancelled",
    "CustomerError",
    "Installed",
    "LeftOut",
    "ManifestError",
    "Needs",
    "Params",
    "Plugin",
    "PluginError",
    "PredictRun",
    "Problem",
    "TrainRun",
    "Trial",
    "hookimpl",
    "seed_everything",
]

_HOMES = {
    "Cancelled": "errors",
    "CustomerError": "errors",
    "ManifestError": "errors",
    "PluginError": "errors",
    "hookimpl": "hookspecs",
    "Installed": "plugin",
    "LeftOut": "plugin",
    "Needs": "plugin",
    "Params": "plugin",
    "Plugin": "plugin",
    "Problem": "plugin",
    "Trial": "plugin",
    "PredictRun": "runs",
    "TrainRun": "runs",
    "seed_everything": "seeding",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
