"""The installed plugins, described in a process of their own."""

import tempfile
import time
from pathlib import Path

from modelmill_sdk.manifest import Broken
from modelmill_sdk.origins import Origin
from modelmill_sdk.protocol import Describe, Describing, Manifests

from workers.hosts.errors import HostDied
from workers.hosts.process import HostProcess
from workers.hosts.spec import HostSpec

_TAIL_CHARS = 4_000


def describe_plugins(
    *,
    python: Path | None = None,
    python_paths: tuple[Path, ...] = (),
    timeout_s: float = 60.0,
) -> Manifests:
    """Give every installed plugin's manifest, and the broken ones' tracebacks.

    A plugin whose import kills the process, or does not end within ``timeout_s``, is one of the
    broken: the process is started again without it. Raises HostDied if not even that works.
    """
    fatal: list[Broken] = []
    while True:
        with tempfile.TemporaryDirectory(prefix="modelmill-describe-") as scratch:
            spec = HostSpec(scratch_dir=Path(scratch), python=python, python_paths=python_paths)
            outcome = _describe_once(spec, [item.entry_point for item in fatal], timeout_s)
        if isinstance(outcome, Manifests):
            return outcome.model_copy(update={"broken": [*outcome.broken, *fatal]})
        fatal.append(outcome)


def _describe_once(spec: HostSpec, skip: list[str], timeout_s: float) -> Manifests | Broken:
    origins: list[Origin] = []
    deadline = time.monotonic() + timeout_s
    with HostProcess.start(spec) as host:
        host.send(Describe(skip=tuple(skip)))
        try:
            while (left_s := deadline - time.monotonic()) > 0:
                message = host.receive(left_s)
                if isinstance(message, Manifests):
                    return _attested(message, origins, spec.python_paths)
                if isinstance(message, Describing):
                    origins.append(message.origin)
                    deadline = time.monotonic() + timeout_s
        except HostDied as death:
            if not origins:
                raise
            return _broken(origins[-1], f"{death}\n{death.stderr_tail[-_TAIL_CHARS:]}")
    if not origins:
        raise HostDied(exit_code=None, stderr_tail="", reason="described nothing in time")
    return _broken(origins[-1], f"Importing it did not end within {timeout_s:g} s.")


def _attested(
    message: Manifests, origins: list[Origin], python_paths: tuple[Path, ...]
) -> Manifests:
    """Take each plugin's origin from what was told before its code ran, and not from itself."""
    told: dict[tuple[str, str], Origin] = {}
    for origin in origins:
        told.setdefault((origin.distribution, origin.entry_point), origin)
    items = []
    for item in message.items:
        known = told.get((item.distribution, item.entry_point))
        if known is not None:
            # What lies in a folder for development is expected to change as well.
            is_editable = known.is_editable or Path(known.location) in python_paths
            changes = {**known.model_dump(), "is_editable": is_editable}
            items.append(item.model_copy(update=changes))
    return message.model_copy(update={"items": items})


def _broken(origin: Origin, traceback: str) -> Broken:
    return Broken(
        entry_point=origin.entry_point, distribution=origin.distribution, traceback=traceback
    )
