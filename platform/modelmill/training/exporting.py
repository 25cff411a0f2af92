"""The points of a job for other programs: CSV, and TensorBoard's event files.

An event file is a row of records, each ``length (uint64), masked CRC-32C of the
length, bytes, masked CRC-32C of the bytes``, little-endian, as TensorFlow's
record_writer.cc writes them. The bytes are an ``Event`` of tensorflow/core/util/event.proto: 1
wall_time (double), 2 step (int64), 3 file_version (string), 5 summary; a ``Summary``
repeats 1 value, with 1 tag (string) and 2 simple_value (float). CRC-32C is the
Castagnoli polynomial of RFC 3720, B.4. So few fields need no library.
"""

import csv
import heapq
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from modelmill.core.scope import tenant_scope
from modelmill.training.models import Job, MetricPoint, MetricSeries

_PAGE = 2_000
_JOINED_BYTES = 32 << 10
_MASK_DELTA = 0xA282EAD8


@dataclass(frozen=True, kw_only=True)
class StepPoints:
    """What a job told at one step."""

    step: int
    at_ms: int
    values: dict[str, float | None]


def job_points(job_id: str, *, tenant_id: str, after: int = -1) -> Iterator[StepPoints]:
    """Yield the points of a job step by step, behind the step ``after``.

    Opens the tenant's scope for each look alone, and keeps a page of each metric
    in memory, however long the job is.
    """
    with tenant_scope(tenant_id):
        rows = MetricSeries.objects.filter(job_id=job_id, points__gt=0).order_by("name")
        series = list(rows.values_list("pk", "name"))
    streams = [_series_points(pk, name, tenant_id=tenant_id, after=after) for pk, name in series]
    for step, group in groupby(heapq.merge(*streams, key=itemgetter(0, 1)), itemgetter(0)):
        points = list(group)
        values = {name: value for _step, name, value, _at in points}
        yield StepPoints(step=step, at_ms=points[0][3], values=values)


def job_csv(job: Job) -> Iterator[bytes]:
    """Yield a job's points as CSV: a line for each step, a column for each metric."""
    names = list(
        MetricSeries.objects.filter(job=job, points__gt=0)
        .order_by("name")
        .values_list("name", flat=True)
    )
    return _joined(_csv_lines(job.pk, job.tenant_id, names))


def job_event_file(job: Job) -> Iterator[bytes]:
    """Yield a job's points as an event file of TensorBoard's."""
    return _joined(_event_records(job.pk, job.tenant_id, created_s=job.created_at.timestamp()))


def event_file_name(job: Job) -> str:
    """Name the file so that TensorBoard takes it for one of its own."""
    return f"events.out.tfevents.{int(job.created_at.timestamp())}.{job.pk}"


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _series_points(
    series_id: int, name: str, *, tenant_id: str, after: int
) -> Iterator[tuple[int, str, float | None, int]]:
    while True:
        with tenant_scope(tenant_id):
            rows = MetricPoint.objects.filter(series=series_id, step__gt=after).order_by("step")
            page = list(rows.values_list("step", "value", "at_ms")[:_PAGE])
        for step, value, at_ms in page:
            yield step, name, value, at_ms
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def _csv_lines(job_id: str, tenant_id: str, names: list[str]) -> Iterator[bytes]:
    yield _csv_line(["step", "time", *names])
    for point in job_points(job_id, tenant_id=tenant_id):
        values = [point.values.get(name) for name in names]
        yield _csv_line([point.step, f"{point.at_ms / 1000:.3f}", *values])


def _csv_line(cells: list[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(_plain, cells))
    return line.getvalue().encode()


def _plain(cell: object) -> object:
    """Disarm a plugin's name that a spreadsheet would take for a formula."""
    is_formula = isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return f"'{cell}" if is_formula else cell


def _event_records(job_id: str, tenant_id: str, *, created_s: float) -> Iterator[bytes]:
    yield _record(_double(1, created_s) + _bytes(3, b"brain.Event:2"))
    for point in job_points(job_id, tenant_id=tenant_id):
        summary = b"".join(
            _bytes(1, _bytes(1, name.encode()) + _float(2, value))
            for name, value in point.values.items()
            if value is not None
        )
        if summary:
            head = _double(1, point.at_ms / 1000) + _number(2, point.step)
            yield _record(head + _bytes(5, summary))


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", _masked(length)), data, struct.pack("<I", _masked(data)))
    )


def _masked(data: bytes) -> int:
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _float(field: int, value: float) -> bytes:
    try:
        packed = struct.pack("<f", value)
    except OverflowError:
        packed = struct.pack("<f", float("inf") if value > 0 else float("-inf"))
    return _varint(field << 3 | 5) + packed


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _JOINED_BYTES:
            yield bytes(held)
            held.clear()
    yield bytes(held)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte
        for _bit in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _table()
