"""A job's points for other programs: CSV and event files, read back by strict readers."""

import csv
import io
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from modelmill.training import exporting
from modelmill.training.exporting import crc32c, event_file_name, job_csv, job_event_file
from modelmill.training.models import Job
from modelmill.training.services.points import points_write

from tests.making import job_make


@pytest.fixture
def job(acme) -> Job:
    job = job_make(acme)
    points: list[tuple[int, dict[str, Any]]] = [
        (1, {"loss": 2.5, "=sum": 1}),
        (2, {"loss": None}),
        (10**10, {"loss": 1e300, "accuracy": 0.25}),
    ]
    with acme.scope():
        points_write(points, job_id=job.pk, tenant_id=acme.tenant.pk)
    return job


def _event_class() -> Any:
    """Build TensorFlow's Event from its published definition, by Google's own library."""
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="t", syntax="proto3")
    fields: dict[str, list[tuple[str, int, int, str]]] = {
        "Value": [("tag", 1, 9, ""), ("simple_value", 2, 2, "")],
        "Summary": [("value", 1, 11, ".t.Value")],
        "Event": [
            ("wall_time", 1, 1, ""),
            ("step", 2, 3, ""),
            ("file_version", 3, 9, ""),
            ("summary", 5, 11, ".t.Summary"),
        ],
    }
    for name, members in fields.items():
        message = file.message_type.add(name=name)
        for field, number, kind, type_name in members:
            label = 3 if (name, field) == ("Summary", "value") else 1
            message.field.add(
                name=field,
                number=number,
                type=kind,  # type: ignore[arg-type]
                label=label,  # type: ignore[arg-type]
                type_name=type_name or None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Event"))


def _records(content: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        head = content[at : at + 8]
        (length,), (head_crc,) = (
            struct.unpack("<Q", head),
            struct.unpack_from("<I", content, at + 8),
        )
        data = content[at + 12 : at + 12 + length]
        (data_crc,) = struct.unpack_from("<I", content, at + 12 + length)
        for part, told in ((head, head_crc), (data, data_crc)):
            rotated = (told - 0xA282EAD8) & 0xFFFFFFFF
            assert crc32c(part) == ((rotated >> 17) | (rotated << 15)) & 0xFFFFFFFF
        assert len(data) == length
        yield data
        at += 16 + length


def test_the_checksum_is_that_of_the_standard() -> None:
    # RFC 3720, B.4, and the check value of CRC-32C in the catalogue of CRCs.
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43


def test_the_table_has_a_line_for_each_step_and_no_formulas(acme, job) -> None:
    with acme.scope():
        stream = job_csv(job)
    rows = list(csv.reader(io.StringIO(b"".join(stream).decode())))
    assert rows[0] == ["step", "time", "'=sum", "accuracy", "loss"]
    assert [(r[0], *r[2:]) for r in rows[1:]] == [
        ("1", "1.0", "", "2.5"),
        ("2", "", "", ""),
        (str(10**10), "", "0.25", "1e+300"),
    ]


def test_the_event_file_is_read_back_by_the_published_definition(acme, job) -> None:
    event_class = _event_class()
    with acme.scope():
        stream = job_event_file(job)
    content = b"".join(stream)
    first, *rest = [event_class.FromString(record) for record in _records(content)]
    assert first.file_version == "brain.Event:2" and first.wall_time > 1.7e9
    told = [{v.tag: v.simple_value for v in event.summary.value} for event in rest]
    assert [event.step for event in rest] == [1, 10**10]
    assert told == [{"=sum": 1, "loss": 2.5}, {"accuracy": 0.25, "loss": float("inf")}]
    assert ".tfevents." in event_file_name(job)


def test_pages_of_points_join_without_loss(acme, monkeypatch) -> None:
    monkeypatch.setattr(exporting, "_PAGE", 7)
    job = job_make(acme)
    with acme.scope():
        points = [(step, {"a": step, "b": -step}) for step in range(40)]
        points_write(points, job_id=job.pk, tenant_id=acme.tenant.pk)
        lines = b"".join(job_csv(job)).decode().splitlines()
    assert len(lines) == 41
    assert [line.split(",")[0] for line in lines[1:]] == [str(step) for step in range(40)]
