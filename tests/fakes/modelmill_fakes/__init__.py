"""Tiny plugins for tests of the platform: no torch, no waiting, every way to behave.

Put ``tests/fakes`` on a host's path (``HostSpec.python_paths``, or PYTHONPATH of the worker), and
they are found through their entry point, as an installed distribution's would be.
"""

from collections.abc import Callable

from modelmill_sdk import Plugin, hookimpl

from modelmill_fakes.answering import Echo, Embedder, Speaker
from modelmill_fakes.learning import Learner
from modelmill_fakes.painting import Painter
from modelmill_fakes.stepping import Stepper
from modelmill_fakes.teaming import Team
from modelmill_fakes.trouble import Trouble


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Name the fakes."""
    for plugin in (Stepper, Learner, Team, Echo, Embedder, Speaker, Painter, Trouble):
        register(plugin)
