"""The installed plugins, described in a process of their own."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelmill.core.scratch import scratch_folder
from modelmill_sdk.manifest import MAX_SAMPLE_BYTES, Broken, Manifest, ManifestSample
from modelmill_sdk.origins import Origin
from modelmill_sdk.placeholders import placeholders_drop
from modelmill_sdk.protocol import Describe, Describing, Manifests
from modelmill_sdk.texts import text_clean

from workers.hosts.errors import HostDied
from workers.hosts.opening import file_open
from workers.hosts.process import HostProcess
from workers.hosts.spec import HostSpec, Isolation

_TAIL_CHARS = 4_000
# Entry points in one environment; a plugin that tells of ever more of them would never end.
_MOST = 200
# How the formats that browsers show begin.
_PICTURES: dict[str, Callable[[bytes], bool]] = {
    "image/png": lambda content: content.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": lambda content: content.startswith(b"\xff\xd8\xff"),
    "image/webp": lambda content: content[:4] == b"RIFF" and content[8:12] == b"WEBP",
}


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

    A plugin whose import kills the process, or does not end within ``timeout_s``, is one of the
    broken: the process is started again without it. Raises HostDied if not even that works, or if
    one of them speaks for others that are not there: then none of them can be believed.
    """
    fatal: list[Broken] = []
    while True:
        with scratch_folder("describe") as scratch:
            spec = HostSpec(
                scratch_dir=scratch,
                python=python,
                python_paths=python_paths,
                **(isolation or {}),
            )
            outcome = _describe_once(spec, [item.entry_point for item in fatal], timeout_s)
        if isinstance(outcome, Described):
            return replace(outcome, broken=[*outcome.broken, *fatal])
        if len(fatal) == _MOST or outcome.entry_point in {item.entry_point for item in fatal}:
            raise HostDied(exit_code=None, stderr_tail="", reason="broke again without the broken")
        fatal.append(outcome)


def _describe_once(spec: HostSpec, skip: list[str], timeout_s: float) -> Described | Broken:
    origins: list[Origin] = []
    deadline = time.monotonic() + timeout_s
    with HostProcess.start(spec) as host:
        out_dir = host.spec.scratch_dir / "samples"
        host.send(Describe(skip=tuple(skip), out_dir=out_dir))
        try:
            while (left_s := deadline - time.monotonic()) > 0:
                message = host.receive(left_s)
                if isinstance(message, Manifests):
                    return _described(_attested(message, origins, spec.python_paths), out_dir)
                if isinstance(message, Describing):
                    origins.append(message.origin)
                    if len(origins) > _MOST:
                        break
                    deadline = time.monotonic() + timeout_s
        except HostDied as death:
            if not origins:
                raise
            return _broken(origins[-1], f"{death}\n{death.stderr_tail[-_TAIL_CHARS:]}")
    if not origins:
        raise HostDied(exit_code=None, stderr_tail="", reason="described nothing in time")
    if len(origins) > _MOST:
        reason = f"told of more than {_MOST} plugins"
        raise HostDied(exit_code=None, stderr_tail="", reason=reason)
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


def _described(message: Manifests, out_dir: Path) -> Described:
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
