"""Mutated frames against the supervisor: it never dies, never hangs, and its memory is bounded.

``FUZZ_FRAMES=10000`` (``make fuzz``) sets how many frames each of the two ways takes.
"""

import contextlib
import os
import random
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.framing import MAX_FRAME_BYTES, frame_pack, frame_read_with
from modelmill_sdk.manifest import Broken
from modelmill_sdk.origins import Named, Origin
from modelmill_sdk.protocol import (
    PROTOCOL,
    CheckpointSaved,
    Chunk,
    Count,
    Describing,
    Discovered,
    Failed,
    FromChild,
    Loaded,
    Log,
    Manifests,
    Message,
    PredictDone,
    ProblemFound,
    Progress,
    Ready,
    Result,
    Sample,
    Started,
    TrainDone,
    ValidateDone,
    from_child_decode,
    message_encode,
)

from workers.hosts import HostDied, HostProcess, HostSpec
from workers.hosts.inbox import Inbox

FRAMES = int(os.environ.get("FUZZ_FRAMES", "1000"))
SEED = int(os.environ.get("FUZZ_SEED", "7"))
LIMIT_S = 5.0
GROWTH_MIB = 200

SEEDS: list[Message] = [
    Ready(protocol=PROTOCOL, pid=7),
    Started(),
    Progress(step=7, total=9, metrics={"loss": 0.5, "nan": None}),
    Sample(step=7, name="face", kind="image", path=Path("/tmp/a.png")),
    CheckpointSaved(step=7, path=Path("/tmp/checkpoint")),
    Count(meter="images", qty=3, request_id="r1"),
    Log(message="A line, 一行."),
    TrainDone(metrics={"loss": 0.5}, step=9),
    Loaded(load_ms=12),
    Chunk(request_id="r1", index=0, text="a piece"),
    Result(request_id="r1", index=0, kind="json", value={"a": [1, 2.5, "二", None, {"b": []}]}),
    PredictDone(request_id="r1", compute_ms=3, counts={"images": 2}),
    ProblemFound(file="a.csv", row=3, field="x", reason="It is empty.", fix="Fill it."),
    ValidateDone(),
    Discovered(entry_points=[Named(entry_point="e", distribution="d")]),
    Describing(origin=Origin(entry_point="e", distribution="d", version="1")),
    Manifests(broken=[Broken(entry_point="e", distribution="d", traceback="t")]),
    Failed(code="plugin_error", message="x", traceback="t"),
]
_HEAD = b'{"type":"result","request_id":"r","index":0,"kind":"json","value":'
_BIG = MAX_FRAME_BYTES - 200
NASTY = {
    "a number of eight million digits": _HEAD + b"9" * _BIG + b"}",
    "a fraction of eight million digits": _HEAD + b"0." + b"9" * _BIG + b"}",
    "a number without an end": _HEAD + b"1e999}",
    "eight million lists in each other": _HEAD + b"[" * _BIG,
    "a million objects in each other": _HEAD + b'{"a":' * 1_000_000,
    "two million empty lists": _HEAD + b"[" + b"[]," * 2_000_000 + b"[]]}",
    "two million wrong manifests": b'{"type":"manifests","items":[' + b"{}," * 2_000_000 + b"{}]}",
    "seven hundred thousand metrics": b'{"type":"progress","step":1,"total":1,"metrics":{'
    + b",".join(b'"%d":0' % number for number in range(700_000))
    + b"}}",
    "as many metrics as pass": b'{"type":"progress","step":1,"total":1,"metrics":{'
    + b",".join(b'"%d":0' % number for number in range(190_000))
    + b"}}",
    "seven hundred thousand counts": b'{"type":"predict_done","request_id":"r","compute_ms":1,'
    b'"counts":{' + b",".join(b'"%d":""' % number for number in range(600_000)) + b"}}",
    "a text that is not UTF-8": b'{"type":"log","message":"\xff\xfe\xc0"}',
    "half a surrogate": b'{"type":"log","message":"\\ud800"}',
}


def mutated(chance: random.Random) -> bytes:
    """Take a good frame, and do to it what a broken or hostile child might."""
    payload = bytearray(message_encode(chance.choice(SEEDS)))
    for _ in range(chance.choice((0, 1, 1, 2, 8))):
        at, kind = chance.randrange(len(payload)), chance.randrange(5)
        if kind == 0:
            payload[at] = chance.randrange(256)
        elif kind == 1:
            payload[at:at] = chance.choice((b'"', b"{", b"[", b"\0", b"9" * 400, b"NaN", b"1e999,"))
        elif kind == 2:
            del payload[at : at + chance.randrange(1, 12)]
        elif kind == 3:
            payload[at:at] = payload[: chance.randrange(len(payload))]
        else:
            payload = bytearray(message_encode(chance.choice(SEEDS))[:at] + payload[at:])
        payload = payload or bytearray(b"{")
    frame = bytearray(frame_pack(bytes(payload)))
    if chance.random() < 0.1:
        frame[chance.randrange(4)] = chance.randrange(256)
    if chance.random() < 0.05:
        del frame[chance.randrange(len(frame)) :]
    return bytes(frame)


@pytest.fixture
def bounded() -> Iterator[None]:
    """Fail when the memory of this process has grown by more than a few frames."""
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) >> 10
    assert grown_mib < GROWTH_MIB


class Wire(HostProcess):
    """The supervisor's reading side on a pipe of ours, without a process behind it."""

    def __init__(self) -> None:
        self._inbox, self._roots = Inbox(), frozenset({Path("/tmp")})
        self._reaped, self.reason = threading.Event(), ""

    def _end(self, reason: str) -> None:
        self.reason = reason

    def read(self, stream: bytes) -> list[FromChild]:
        """Read a whole stream as a host's, and give what came out of it; never for longer."""
        reading, writing = os.pipe()
        writer = threading.Thread(target=_write, args=(writing, stream), daemon=True)
        reader = threading.Thread(target=self._read_all, args=(reading,), daemon=True)
        writer.start()
        reader.start()
        reader.join(LIMIT_S)
        assert not reader.is_alive(), "the reader hangs"
        writer.join(LIMIT_S)
        assert not writer.is_alive()
        return [message for message, _size in self._inbox._messages]


def _write(fd: int, stream: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        view = memoryview(stream)
        while view:
            view = view[os.write(fd, view) :]
    os.close(fd)


def test_a_mutated_frame_is_a_message_or_a_breach(bounded: None) -> None:
    chance = random.Random(SEED)
    good = 0
    for _ in range(FRAMES):
        parts = [mutated(chance)]
        began = time.monotonic()
        try:
            payload = frame_read_with(lambda size, left=parts: _take(left, size))
            good += payload is not None and isinstance(from_child_decode(payload), Message)
        except ProtocolError as error:
            assert len(str(error)) < 2_000
        assert time.monotonic() - began < LIMIT_S
    assert FRAMES // 10 < good < FRAMES, "a fuzzer that breaks all or nothing tests little"


@pytest.mark.parametrize("name", NASTY)
def test_a_frame_made_to_hurt_is_answered_at_once(name: str, bounded: None) -> None:
    began = time.monotonic()
    with contextlib.suppress(ProtocolError):
        from_child_decode(NASTY[name])
    assert time.monotonic() - began < LIMIT_S


def test_numbers_that_are_none_are_refused() -> None:
    for name in ("a number without an end", "half a surrogate", "two million wrong manifests"):
        with pytest.raises(ProtocolError):
            from_child_decode(NASTY[name])


def test_mutated_frames_through_a_pipe_leave_the_supervisor_well(
    bounded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no process that may be about to be seen dead.
    monkeypatch.setattr("workers.hosts.process._DEATH_S", 0.0)
    chance = random.Random(SEED + 1)
    sent, breaches = 0, 0
    while sent < FRAMES:
        frames = [mutated(chance) for _ in range(chance.randint(1, 20))]
        wire = Wire()
        heard = wire.read(b"".join(frames))
        assert len(heard) <= len(frames) * 2
        breaches += bool(wire.reason)
        sent += len(frames)
    assert breaches


FAKE_HOST = """
import os, sys
from pathlib import Path
fd = int(sys.argv[sys.argv.index("--write-fd") + 1])
view = memoryview(Path({stream!r}).read_bytes())
while view:
    view = view[os.write(fd, view):]
{after}
"""


def _fake(folder: Path, stream: bytes, *, after: str = "") -> HostSpec:
    """Put a child in the place of the SDK's, which says what we want."""
    package = folder / "fake" / "modelmill_sdk" / "host"
    package.mkdir(parents=True)
    for init in (package / "__init__.py", package.parent / "__init__.py"):
        init.touch()
    (folder / "fake" / "stream").write_bytes(
        frame_pack(message_encode(Ready(protocol=PROTOCOL, pid=1))) + stream
    )
    source = FAKE_HOST.format(stream=str(folder / "fake" / "stream"), after=after)
    (package / "__main__.py").write_text(source)
    return HostSpec(scratch_dir=folder / "scratch", python_paths=(folder / "fake",))


@pytest.mark.parametrize("round_number", range(5))
def test_a_child_that_babbles_is_ended_and_the_next_one_works(
    round_number: int, tmp_path: Path, talk_start: Any
) -> None:
    chance = random.Random(SEED + round_number)
    stream = b"".join(mutated(chance) for _ in range(300))
    host = HostProcess.start(_fake(tmp_path, stream, after="import time; time.sleep(60)"))
    with host, pytest.raises(HostDied):
        while True:
            if host.receive(0.5) is None:
                # It promised a long frame, and has said all it will.
                host.kill()
    assert not host.is_alive
    talk_start().load("fake-echo")


def test_a_child_that_promises_a_frame_and_never_sends_it_can_be_ended(tmp_path: Path) -> None:
    promise = MAX_FRAME_BYTES.to_bytes(4, "big") + b"{"
    host = HostProcess.start(_fake(tmp_path, promise, after="import time; time.sleep(60)"))
    with host:
        assert host.receive(0.5) is None
        began = time.monotonic()
        host.kill()
        assert not host.is_alive and time.monotonic() - began < LIMIT_S


def _take(parts: list[bytes], size: int) -> bytes:
    part, parts[0] = parts[0][:size], parts[0][size:]
    return part
