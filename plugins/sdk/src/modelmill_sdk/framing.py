"""Frames on a pipe: four bytes of length, big-endian, then that many bytes of JSON."""

import os
import struct
from collections.abc import Callable

from modelmill_sdk.errors import ProtocolError

MAX_FRAME_BYTES = 8 * 1024 * 1024

_LENGTH = struct.Struct(">I")


def frame_pack(payload: bytes) -> bytes:
    """Put the length in front of a payload.

    Raises ProtocolError if it is longer than a frame may be.
    """
    if len(payload) > MAX_FRAME_BYTES:
        raise ProtocolError(
            f"A message of {len(payload)} bytes is longer than {MAX_FRAME_BYTES}; "
            "put large results in files."
        )
    return _LENGTH.pack(len(payload)) + payload


def frame_read(fd: int) -> bytes | None:
    """Read one frame's payload; None at the end of the stream.

    Raises ProtocolError if the stream ends inside a frame or the length is out of bounds.
    """
    return frame_read_with(lambda size: os.read(fd, size))


def frame_read_with(read: Callable[[int], bytes]) -> bytes | None:
    """Read one frame's payload through ``read(size)``, which may return less than asked."""
    header = _read_exactly(read, _LENGTH.size, may_end=True)
    if header is None:
        return None
    (length,) = _LENGTH.unpack(header)
    if length > MAX_FRAME_BYTES:
        raise ProtocolError(f"A frame claims {length} bytes; at most {MAX_FRAME_BYTES} may come.")
    return _read_exactly(read, length, may_end=False)


def frame_write(fd: int, payload: bytes) -> None:
    """Write one frame, blocking until all of it is written."""
    view = memoryview(frame_pack(payload))
    while view:
        view = view[os.write(fd, view) :]


def _read_exactly(read: Callable[[int], bytes], size: int, *, may_end: bool) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = read(min(size - len(parts), 1 << 20))
        if not part:
            if may_end and not parts:
                return None
            raise ProtocolError("The stream ended inside a frame.")
        parts += part
    return bytes(parts)
