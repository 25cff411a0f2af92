"""The installed plugins, each described in a process of its own."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from modelmill.core.scratch import scratch_folder
from modelmill_sdk.manifest import MAX_SAMPLE_BYTES, Broken, Manifest, ManifestSample
from modelmill_sdk.origins import Named, Origin
from modelmill_sdk.placeholders import placeholders_drop
from modelmill_sdk.protocol import (
    Describe,
    Describing,
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
# Of one entry point.
_MOST_PLUGINS = 50
_MOST_PICTURE_BYTES = 64 * 1024 * 1024
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

    One process names the entry points and imports none. Each is then described by a process of its
    own, one after another: none can speak for its neighbours, or be in their way. One that does not
    answer within ``timeout_s`` is broken. Raises HostDied if not even the names can be had.
    """
    settings: dict[str, Any] = {"python": python, "python_paths": python_paths, **(isolation or {})}
    with scratch_folder("discover") as scratch:
        found = _discover(HostSpec(scratch_dir=scratch, **settings), timeout_s)
    whole = Described(items=[], broken=[_broken(item, item.traceback) for item in found.broken])
    taken: set[tuple[str, str]] = set()
    for named in found.entry_points:
        with scratch_folder("describe") as scratch:
            look = _describe(named, HostSpec(scratch_dir=scratch, **settings), timeout_s)
        for item in look.items:
            if (item.distribution, item.plugin_id) in taken:
                twice = f"The id {item.plugin_id!r} is registered twice in {item.distribution}."
                whole.broken.append(_broken(named, twice))
            else:
                taken.add((item.distribution, item.plugin_id))
                whole.items.append(item)
        whole.broken.extend(look.broken)
        whole.pictures.update(look.pictures)
    return whole


def _discover(spec: HostSpec, timeout_s: float) -> Discovered:
    with HostProcess.start(spec) as host:
        host.send(Discover())
        return _answer(host, Discovered, timeout_s)


def _describe(named: Named, spec: HostSpec, timeout_s: float) -> Described:
    """Have one entry point described; whatever goes wrong with its process is its own fault."""
    try:
        with HostProcess.start(spec) as host:
            out_dir = host.spec.scratch_dir / "samples"
            host.send(Describe(**named.model_dump(), out_dir=out_dir))
            # Told before its code runs; what it says of itself later counts for nothing.
            origin = _answer(host, Describing, timeout_s).origin
            said = _answer(host, Manifests, timeout_s)
            return _take(_attested(said, named, origin, spec.python_paths), out_dir)
    except HostDied as death:
        traceback = f"{death}\n{death.stderr_tail[-_TAIL_CHARS:]}"
        return Described(items=[], broken=[_broken(named, traceback)])


def _answer(host: HostProcess, kind: type[_M], timeout_s: float) -> _M:
    """Wait for one kind of message. Raises HostDied where there is none in time."""
    deadline = time.monotonic() + timeout_s
    while (left_s := deadline - time.monotonic()) > 0:
        message = host.receive(left_s)
        if isinstance(message, kind):
            return message
        if isinstance(message, Failed):
            reason = f"failed: {message.message}"
            raise HostDied(exit_code=None, stderr_tail=message.traceback, reason=reason)
    raise HostDied(exit_code=None, stderr_tail="", reason=f"did not answer within {timeout_s:g} s")


def _attested(
    message: Manifests, named: Named, origin: Origin, python_paths: tuple[Path, ...]
) -> Manifests:
    """Put the true origin in the place of what the plugin says of it."""
    # What lies in a folder for development is expected to change as well.
    is_editable = origin.is_editable or Path(origin.location) in python_paths
    changes = {**origin.model_dump(), **named.model_dump(), "is_editable": is_editable}
    return Manifests(
        items=[item.model_copy(update=changes) for item in message.items[:_MOST_PLUGINS]],
        broken=[_broken(named, item.traceback) for item in message.broken[:_MOST_PLUGINS]],
    )


def _take(message: Manifests, out_dir: Path) -> Described:
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
    if sum(map(len, pictures.values())) + len(content) > _MOST_PICTURE_BYTES:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    pictures[sha256] = content
    return sample.model_copy(
        update={"path": None, "sha256": sha256, "media_type": media_type, "text": ""}
    )


def _broken(named: Named | Broken, traceback: str) -> Broken:
    return Broken(
        entry_point=named.entry_point,
        distribution=named.distribution,
        traceback=text_clean(traceback),
    )
