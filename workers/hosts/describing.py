"""The installed plugins, each described in a process of its own."""

import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from modelmill.core.scratch import scratch_folder
from modelmill_sdk.manifest import MAX_SAMPLE_BYTES, Broken, Manifest, ManifestSample
from modelmill_sdk.origins import Origin
from modelmill_sdk.placeholders import placeholders_drop
from modelmill_sdk.protocol import (
    Describe,
    Discover,
    Discovered,
    Failed,
    Manifests,
    Message,
)
from modelmill_sdk.texts import text_clean

from workers.hosts.errors import HostDied
from workers.hosts.opening import file_open
from workers.hosts.process import HostProcess
from workers.hosts.spec import HostSpec, Isolation

_TAIL_CHARS = 4_000
# Entry points in one environment, and how many are described at once.
_MOST = 200
_AT_ONCE = 4
# How the formats that browsers show begin.
_PICTURES: dict[str, Callable[[bytes], bool]] = {
    "image/png": lambda content: content.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": lambda content: content.startswith(b"\xff\xd8\xff"),
    "image/webp": lambda content: content[:4] == b"RIFF" and content[8:12] == b"WEBP",
}

_M = TypeVar("_M", bound=Message)


@dataclass(frozen=True, kw_only=True)
class Described:
    """What one look found: manifests, what broke, and the sample pictures by their SHA-256."""

    items: list[Manifest]
    broken: list[Broken]
    pictures: dict[str, bytes] = field(default_factory=dict)


def describe_plugins(
    *,
    python: Path | None = None,
    python_paths: tuple[Path, ...] = (),
    timeout_s: float = 60.0,
    isolation: Isolation | None = None,
) -> Described:
    """Give every installed plugin's manifest, and the broken ones' tracebacks.

    One process names the entry points and imports none; each is then described by a process of its
    own, so that it can neither speak for another nor take one along when it dies. One that does not
    answer within ``timeout_s`` is broken. Raises HostDied if not even the names can be had.
    """
    settings: dict[str, Any] = {"python": python, "python_paths": python_paths, **(isolation or {})}
    with scratch_folder("discover") as scratch:
        found = _discovered(HostSpec(scratch_dir=scratch, **settings), timeout_s)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="describing") as pool:
        look = partial(_described, settings=settings, timeout_s=timeout_s)
        looks = list(pool.map(look, found.origins))
    return Described(
        items=[item for seen in looks for item in seen.items],
        broken=[*found.broken, *(item for seen in looks for item in seen.broken)],
        pictures={sha256: content for seen in looks for sha256, content in seen.pictures.items()},
    )


def _discovered(spec: HostSpec, timeout_s: float) -> Discovered:
    with HostProcess.start(spec) as host:
        host.send(Discover())
        found = _answer(host, Discovered, timeout_s)
    if len(found.origins) > _MOST:
        reason = f"has more than {_MOST} entry points"
        raise HostDied(exit_code=None, stderr_tail="", reason=reason)
    return found


def _described(origin: Origin, *, settings: Mapping[str, Any], timeout_s: float) -> Described:
    """Have one entry point described; whatever goes wrong is that one's fault."""
    try:
        with scratch_folder("describe") as scratch:
            spec = HostSpec(scratch_dir=scratch, **settings)
            with HostProcess.start(spec) as host:
                out_dir = host.spec.scratch_dir / "samples"
                named = {"entry_point": origin.entry_point, "distribution": origin.distribution}
                host.send(Describe(**named, out_dir=out_dir))
                said = _answer(host, Manifests, timeout_s)
                return _taken(_attested(said, origin, spec.python_paths), out_dir)
    except HostDied as death:
        traceback = f"{death}\n{death.stderr_tail[-_TAIL_CHARS:]}"
        return Described(items=[], broken=[_broken(origin, traceback)])


def _answer(host: HostProcess, kind: type[_M], timeout_s: float) -> _M:
    """Wait for the answer to what was sent. Raises HostDied where there is none in time."""
    deadline = time.monotonic() + timeout_s
    while (left_s := deadline - time.monotonic()) > 0:
        message = host.receive(left_s)
        if isinstance(message, kind):
            return message
        if isinstance(message, Failed):
            reason = f"failed: {message.message}"
            raise HostDied(exit_code=None, stderr_tail=message.traceback, reason=reason)
    raise HostDied(exit_code=None, stderr_tail="", reason=f"did not answer within {timeout_s:g} s")


def _attested(message: Manifests, origin: Origin, python_paths: tuple[Path, ...]) -> Manifests:
    """Take the plugin's origin from what was told before its code ran, and not from itself."""
    # What lies in a folder for development is expected to change as well.
    is_editable = origin.is_editable or Path(origin.location) in python_paths
    changes = {**origin.model_dump(), "is_editable": is_editable}
    return Manifests(
        items=[item.model_copy(update=changes) for item in message.items],
        broken=[_broken(origin, item.traceback) for item in message.broken],
    )


def _taken(message: Manifests, out_dir: Path) -> Described:
    """Take the sample pictures along; one that is none is left out, and the plugin stays."""
    pictures: dict[str, bytes] = {}
    items = []
    for item in message.items:
        samples = []
        for sample in item.samples:
            taken = sample if sample.path is None else _picture_take(sample, out_dir, pictures)
            if taken is not None:
                samples.append(taken)
        items.append(placeholders_drop(item.model_copy(update={"samples": tuple(samples)})))
    return Described(items=items, broken=message.broken, pictures=pictures)


def _picture_take(
    sample: ManifestSample, out_dir: Path, pictures: dict[str, bytes]
) -> ManifestSample | None:
    path = sample.path
    if path is None or not path.is_relative_to(out_dir):
        return None
    try:
        with file_open(path) as stream:
            content = stream.read(MAX_SAMPLE_BYTES + 1)
    except OSError:
        return None
    media_type = next((kind for kind, is_it in _PICTURES.items() if is_it(content)), None)
    if media_type is None or len(content) > MAX_SAMPLE_BYTES:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    pictures[sha256] = content
    return sample.model_copy(
        update={"path": None, "sha256": sha256, "media_type": media_type, "text": ""}
    )


def _broken(origin: Origin, traceback: str) -> Broken:
    return Broken(
        entry_point=origin.entry_point,
        distribution=origin.distribution,
        traceback=text_clean(traceback),
    )
