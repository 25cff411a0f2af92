"""The installed plugins, described in a process of their own."""

import tempfile
import time
from pathlib import Path

from modelmill_sdk.manifest import Broken
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
    current: Describing | None = None
    deadline = time.monotonic() + timeout_s
    with HostProcess.start(spec) as host:
        host.send(Describe(skip=tuple(skip)))
        try:
            while (left_s := deadline - time.monotonic()) > 0:
                message = host.receive(left_s)
                if isinstance(message, Manifests):
                    return message
                if isinstance(message, Describing):
                    current = message
                    deadline = time.monotonic() + timeout_s
        except HostDied as death:
            if current is None:
                raise
            return _broken(current, f"{death}\n{death.stderr_tail[-_TAIL_CHARS:]}")
    if current is None:
        raise HostDied(exit_code=None, stderr_tail="", reason="described nothing in time")
    return _broken(current, f"Importing it did not end within {timeout_s:g} s.")


def _broken(current: Describing, traceback: str) -> Broken:
    return Broken(
        entry_point=current.entry_point, distribution=current.distribution, traceback=traceback
    )
