"""Pictures: decoded whole, hashed, never trusted."""

import io
import random
import struct
import zlib

import pytest
from modelmill.datasets.intake.findings import Reason
from modelmill.datasets.intake.images import image_decode
from modelmill.datasets.intake.limits import Limits
from PIL import Image

from tests.rooms.intake.conftest import Intake, picture, zip_of

LIMITS = Limits()


def png(width: int, height: int, data: bytes = b"", *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of any claimed size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *(chunk(*c) for c in chunks),
         chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    )  # fmt: skip


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_known_formats_decode(form: str) -> None:
    decoded = image_decode(picture(3, form=form), limits=LIMITS)
    assert not isinstance(decoded, Reason)
    assert (decoded.format, decoded.width_px, decoded.height_px) == (form, 8, 8)


@pytest.mark.parametrize("form", ["TIFF", "ICO", "PPM", "TGA", "SGI", "EPS", "PDF"])
def test_other_formats_are_refused(form: str) -> None:
    decoded = image_decode(picture(3, form=form, size=(16, 16)), limits=LIMITS)
    assert decoded in (Reason.NOT_IMAGE, Reason.IMAGE_BROKEN)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.NOT_IMAGE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", Reason.NOT_IMAGE),
        (picture()[:40], Reason.IMAGE_BROKEN),
        (picture(size=(64, 64), form="BMP")[:-1000], Reason.IMAGE_BROKEN),
        (picture(form="JPEG")[:300], Reason.IMAGE_BROKEN),
        (picture(form="WEBP")[:30], Reason.IMAGE_BROKEN),
        (png(65_000, 65_000), Reason.IMAGE_PIXELS),
        (png(6_000, 6_000), Reason.IMAGE_PIXELS),
        (png(1 << 30, 1), Reason.IMAGE_PIXELS),
        (png(100, 100, b"short"), Reason.IMAGE_BROKEN),
        (png(0, 0), Reason.IMAGE_BROKEN),
        (b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(50), Reason.IMAGE_BROKEN),
        (bytes(40 << 20), Reason.IMAGE_BYTES),
    ],
)
def test_bad_pictures_are_refused_with_their_reason(content: bytes, reason: Reason) -> None:
    assert image_decode(content, limits=LIMITS) is reason


def test_a_text_bomb_in_a_picture_is_refused() -> None:
    bomb = b"key\0\0" + zlib.compress(bytes(100 << 20))
    content = png(1, 1, b"\0\0\0\0", *[(b"zTXt", bomb)] * 3)
    assert image_decode(content, limits=LIMITS) is Reason.IMAGE_BROKEN


def test_thousands_of_mutated_pictures_break_nothing() -> None:
    chance = random.Random(7)
    originals = [picture(n, form=f) for n, f in enumerate(["PNG", "JPEG", "WEBP", "GIF", "BMP"])]
    outcomes = set()
    for number in range(2_000):
        content = bytearray(originals[number % len(originals)])
        for _change in range(chance.randint(1, 8)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        if number % 3 == 0:
            del content[chance.randrange(len(content)) :]
        outcome = image_decode(bytes(content), limits=LIMITS)
        outcomes.add(outcome if isinstance(outcome, Reason) else "decoded")
    assert "decoded" in outcomes
    assert Reason.IMAGE_BROKEN in outcomes


def test_equal_pictures_are_one_row(mill: Intake) -> None:
    result = mill(zip_of({"a.png": picture(1), "b.png": picture(1), "c.png": picture(2)}), "a.zip")
    assert sum(result["splits"].values()) == 2
    assert result["statistics"]["duplicates"] == 1


def test_one_picture_under_two_labels_is_named(mill: Intake) -> None:
    entries = {"cats/a.png": picture(1), "dogs/a.png": picture(1), "dogs/b.png": picture(2)}
    result = mill(zip_of(entries), "a.zip")
    assert [problem["file"] for problem in result["problems"]] == ["dogs/a.png"]
    classes = result["statistics"]["classes"]
    assert [sum(c[s] for s in ("train", "validation", "test")) for c in classes] == [1, 1]


def test_the_bytes_are_kept_as_they_came(mill: Intake) -> None:
    entries = {f"{n}.jpg": picture(n, form="JPEG") for n in range(5)}
    mill(zip_of(entries), "a.zip")
    kept = {row["image"]["path"]: row["image"]["bytes"] for row in mill.rows()}
    assert kept == entries


def test_the_same_source_gives_the_same_bytes(mill: Intake) -> None:
    source = zip_of({f"{n % 3}/{n}.png": picture(n) for n in range(40)})
    first = mill(source, "a.zip"), mill.shards()
    second = mill(source, "a.zip"), mill.shards()
    assert first == second


def test_more_than_a_thousand_rows_keep_their_order(mill: Intake) -> None:
    entries = {f"{n:05d}.bmp": picture(n, form="BMP", size=(2, 2 + n % 7)) for n in range(1_700)}
    result = mill(zip_of(entries), "a.zip")
    paths = [row["image"]["path"] for row in mill.rows("train")]
    assert paths == sorted(paths)
    assert sum(result["splits"].values()) + result["statistics"]["duplicates"] == 1_700
    assert not list(mill.out.glob("staged-*"))


def test_shards_stay_small(mill: Intake) -> None:
    lines = b"".join(b'{"text": "%d %s"}\n' % (n, b"x" * 1000) for n in range(4_000))
    result = mill(lines, "a.jsonl", shard_bytes=1 << 20)
    shards = [shard for shard in result["shards"] if shard["split"] == "train"]
    assert len(shards) > 2
    assert [shard["number"] for shard in shards] == list(range(len(shards)))
    assert sum(shard["row_count"] for shard in shards) == result["splits"]["train"]


def test_odd_modes_get_thumbnails(mill: Intake) -> None:
    entries = {}
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16", "RGB"):
        out = io.BytesIO()
        Image.new(mode, (300, 100)).save(out, "PNG")
        entries[f"{mode[:2]}.png"] = out.getvalue()
    result = mill(zip_of(entries), "a.zip")
    assert {(t["width_px"], t["height_px"]) for t in result["thumbnails"]} == {(128, 43)}
