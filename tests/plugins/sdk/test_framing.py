"""Frames: what goes in comes out, and no bytes whatsoever crash the reader."""

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.framing import MAX_FRAME_BYTES, frame_pack, frame_read, frame_read_with
from modelmill_sdk.framing import frame_write as write_frame
from modelmill_sdk.protocol import (
    Failed,
    Progress,
    Result,
    from_child_decode,
    message_encode,
    to_child_decode,
)


def reader_of(stream: bytes, *, at_most: int = 3):
    """Give a read function that returns a few bytes at a time, as pipes do."""
    left = bytearray(stream)

    def read(size: int) -> bytes:
        part = bytes(left[: min(size, at_most)])
        del left[: len(part)]
        return part

    return read


@given(st.lists(st.binary(max_size=200)))
def test_frames_come_out_as_they_went_in(payloads: list[bytes]) -> None:
    read = reader_of(b"".join(frame_pack(payload) for payload in payloads))
    assert [frame_read_with(read) for _ in payloads] == payloads
    assert frame_read_with(read) is None


def test_a_large_frame_passes_through_a_pipe() -> None:
    read_fd, write_fd = os.pipe()
    payload = os.urandom(1 << 20)
    writer = threading.Thread(target=write_frame, args=(write_fd, payload))
    writer.start()
    assert frame_read(read_fd) == payload
    writer.join()
    os.close(write_fd)
    assert frame_read(read_fd) is None
    os.close(read_fd)


def test_a_frame_may_not_be_longer_than_eight_mebibytes() -> None:
    with pytest.raises(ProtocolError, match="longer than"):
        frame_pack(b"x" * (MAX_FRAME_BYTES + 1))
    with pytest.raises(ProtocolError, match="claims"):
        frame_read_with(reader_of(b"\xff\xff\xff\xff"))


def test_a_cut_off_frame_is_an_error_and_not_an_end() -> None:
    with pytest.raises(ProtocolError, match="inside a frame"):
        frame_read_with(reader_of(frame_pack(b"hello")[:-1]))


MESSAGES = [
    Progress(step=7, total=9, metrics={"loss": 0.5, "nan": None}),
    Result(request_id="r1", index=0, kind="json", value={"a": [1, "二"]}),
    Failed(code="plugin_error", message="x", traceback="t"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_messages_come_out_as_they_went_in(message) -> None:
    assert from_child_decode(message_encode(message)) == message


@given(
    st.sampled_from(MESSAGES),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 400),
)
def test_a_mutated_stream_gives_messages_or_a_protocol_error(message, changes, cut) -> None:
    stream = bytearray(frame_pack(message_encode(message)))
    for position, byte in changes:
        stream[position % len(stream)] = byte
    read = reader_of(bytes(stream[: max(1, len(stream) - cut)]), at_most=50)
    try:
        while (payload := frame_read_with(read)) is not None:
            assert from_child_decode(payload).type
    except ProtocolError:
        pass


@given(st.binary(max_size=300))
def test_rubbish_is_a_protocol_error(payload: bytes) -> None:
    for decode in (from_child_decode, to_child_decode):
        with pytest.raises(ProtocolError):
            decode(payload)


def test_deep_json_is_a_protocol_error() -> None:
    deep = b'{"type":"result","request_id":"r","index":0,"kind":"json","value":'
    with pytest.raises(ProtocolError):
        from_child_decode(deep + b"[" * 100_000)


def test_a_negative_quantity_is_refused() -> None:
    with pytest.raises(ProtocolError):
        from_child_decode(b'{"type":"count","meter":"images","qty":-1}')


@pytest.mark.parametrize("word", ["NaN", "-Infinity", '"\\u0000"', '{"\\u0000": 1}', "[[NaN]]"])
def test_what_a_database_cannot_hold_is_refused(word) -> None:
    head = '{"type":"result","request_id":"r","index":0,"kind":"json","value":'
    with pytest.raises(ProtocolError):
        from_child_decode(f"{head}{word}}}".encode())


def test_words_that_only_look_like_it_pass() -> None:
    for text in ("NaN", "Infinity", "\\u0000", "\\\\u0000"):
        message = Result(request_id="r", index=0, kind="text", text=text)
        assert from_child_decode(message_encode(message)) == message


def test_a_field_of_a_newer_side_is_ignored() -> None:
    assert from_child_decode(b'{"type":"started","mood":"good"}').type == "started"
