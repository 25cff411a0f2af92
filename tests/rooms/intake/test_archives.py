"""Archives: labels from folders, and nothing that climbs, links, lies or explodes."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from tests.rooms.intake.conftest import Intake, picture, zip_of

PICTURES = {f"faces/{n}.png": picture(n) for n in range(6)}
MODES = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


def tar_of(entries: dict[str, bytes], mode: str = "w", *, extra=()) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info, io.BytesIO(b"\0" * info.size))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_special(name: str, mode: int, content: bytes = b"/etc/passwd") -> bytes:
    out = io.BytesIO(zip_of(PICTURES))
    with zipfile.ZipFile(out, "a") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, content)
    return out.getvalue()


@pytest.mark.parametrize("mode", MODES)
def test_tars_of_all_kinds_are_read(mill: Intake, mode: str) -> None:
    result = mill(tar_of(PICTURES, MODES[mode]), f"a.{mode}")
    assert (result["kind"], sum(result["splits"].values())) == ("images", 6)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zips_of_all_methods_are_read(mill: Intake, method: int) -> None:
    assert mill(zip_of(PICTURES, method=method), "a.zip")["kind"] == "images"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_what_it_holds(mill: Intake, pack) -> None:
    assert mill(pack(b"text,label\na,b\n"), "a.csv.gz")["kind"] == "labelled_text"


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["cats/1.png", "dogs/2.png"], ["cats", "dogs"]),
        (["all/train/cats/1.png", "all/test/dogs/2.png"], ["cats", "dogs"]),
        (["train/1.png", "test/2.png"], None),
        (["faces/1.png", "faces/2.png"], None),
        (["1.png", "dogs/2.png"], None),
        (["猫/1.png", "狗/2.png"], ["狗", "猫"]),
    ],
)
def test_folders_are_labels_when_they_are_several(mill: Intake, names, labels) -> None:
    result = mill(zip_of({name: picture(n) for n, name in enumerate(names)}), "a.zip")
    assert result["label_names"] == labels
    assert result["kind"] == ("images" if labels is None else "labelled_images")


def test_what_file_managers_leave_behind_is_no_problem(mill: Intake) -> None:
    clutter = ["__MACOSX/faces/._1.png", "faces/.DS_Store", "faces/Thumbs.db", "README.md"]
    result = mill(zip_of({**PICTURES, **dict.fromkeys(clutter, b"junk")}), "a.zip")
    assert (result["problem_count"], sum(result["splits"].values())) == (0, 6)


def test_what_is_of_another_kind_is_named(mill: Intake) -> None:
    others = {"more.zip": b"PK", "rows.csv": b"a\n1\n", "list.docx": b"PK", "LICENSE": b"CC0"}
    result = mill(zip_of({**PICTURES, **others}), "a.zip")
    named = {problem["file"] for problem in result["problems"]}
    assert named == {"more.zip", "rows.csv", "list.docx"}


CLIMBS = [
    "../x.png", "a/../../x.png", "..\\x.png", "a\\..\\..\\x.png", "/etc/x.png", "//host/x.png",
    "\\\\host\\x.png", "C:\\x.png", "c:x.png", "C:/x.png", "..", "a/..", "./../x.png",
    "....//../x.png", "a/" * 3000 + "x.png", "\u202e/../x.png",
]  # fmt: skip


@pytest.mark.parametrize("name", CLIMBS)
@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_a_name_that_climbs_out_refuses_the_archive(mill: Intake, pack, name: str) -> None:
    before = sorted(mill.folder.parent.rglob("*"))
    result = mill(
        pack({**PICTURES, name: picture(99)}), "a.archive.zip" if pack is zip_of else "a.tar"
    )
    assert result["error"]["code"] == "unsafe_archive"
    written = set(mill.folder.parent.rglob("*")) - set(before)
    assert all(mill.folder in path.parents for path in written)


def test_a_name_with_a_nul_refuses_the_archive(mill: Intake) -> None:
    content = zip_of({**PICTURES, "aXb.png": picture(9)}).replace(b"aXb.png", b"a\0b.png")
    assert mill(content, "a.zip")["error"]["code"] == "unsafe_archive"


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        (tarfile.SYMTYPE, stat.S_IFLNK),
        (tarfile.LNKTYPE, None),
        (tarfile.CHRTYPE, stat.S_IFCHR),
        (tarfile.BLKTYPE, stat.S_IFBLK),
        (tarfile.FIFOTYPE, stat.S_IFIFO),
    ],
)
def test_links_and_devices_are_left_out(mill: Intake, kind, mode) -> None:
    sources = [(tar_of(PICTURES, extra=[special("faces/evil.png", kind, "faces/1.png")]), "a.tar")]
    if mode is not None:
        sources.append((zip_special("faces/evil.png", mode | 0o644), "a.zip"))
    for content, name in sources:
        result = mill(content, name)
        assert sum(result["splits"].values()) == 6
        assert [problem["file"] for problem in result["problems"]] == ["faces/evil.png"]


def test_an_entry_with_a_password_is_left_out(mill: Intake) -> None:
    content = bytearray(zip_of({**PICTURES, "secret.png": picture(50)}))
    place = content.rfind(b"PK\x01\x02")
    content[place + 8] |= 1
    result = mill(bytes(content), "a.zip")
    assert result["problems"][0]["reason"] == "This entry has a password."


def test_a_broken_entry_is_left_out(mill: Intake) -> None:
    content = bytearray(zip_of(PICTURES))
    content[40:60] = b"\xff" * 20
    result = mill(bytes(content), "a.zip")
    assert sum(result["splits"].values()) == 5
    assert result["problems"][0]["file"] == "faces/0.png"


@pytest.mark.parametrize("cut", [1, 30, 200, 400])
@pytest.mark.parametrize("form", ["zip", *MODES])
def test_an_archive_cut_off_is_refused(mill: Intake, form: str, cut: int) -> None:
    content = zip_of(PICTURES) if form == "zip" else tar_of(PICTURES, MODES[form])
    end = len(content) * cut // 500 if form != "tar" else min(cut, 300)
    result = mill(content[: max(20, end)], f"a.{form}")
    assert result["error"]["code"] in {"broken_archive", "no_rows", "wrong_content", "unknown_form"}


def zeros_zip(size_bytes: int, name: str = "a.txt") -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w") as entry,
    ):
        for _chunk in range(size_bytes >> 20):
            entry.write(bytes(1 << 20))
    return out.getvalue()


def lying_zip() -> bytes:
    """Say 10 bytes where there are 80 MB."""
    content = bytearray(zeros_zip(80 << 20))
    place = content.rfind(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 10)
    return bytes(content)


def overlapping_zip() -> bytes:
    """Point many directory entries at one body, as zbsm.zip does."""
    body = zeros_zip(8 << 20, "a")
    start = body.rfind(b"PK\x01\x02")
    entry, end = body[start : body.rfind(b"PK\x05\x06")], body[body.rfind(b"PK\x05\x06") :]
    count = 100
    tail = bytearray(end)
    tail[8:12] = struct.pack("<HH", count, count)
    tail[12:16] = struct.pack("<I", len(entry) * count)
    return body[:start] + entry * count + bytes(tail)


def crowded_zip() -> bytes:
    """Name 300,000 entries in the directory."""
    body = zip_of({"a.png": b""})
    start = body.rfind(b"PK\x01\x02")
    entry, tail = (
        body[start : body.rfind(b"PK\x05\x06")],
        bytearray(body[body.rfind(b"PK\x05\x06") :]),
    )
    tail[12:16] = struct.pack("<I", len(entry) * 300_000)
    return body[:start] + entry * 300_000 + bytes(tail)


def header_bomb_tar() -> bytes:
    """Announce a long name of 4 GB."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))


def sparse_tar() -> bytes:
    info = tarfile.TarInfo("a.png")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
    return tar_of({}, extra=[info]) + tar_of({"b.zip": b""})


def nested_zip(depth: int = 10) -> bytes:
    content = zeros_zip(1 << 20)
    for _level in range(depth):
        content = zip_of({"inner.zip": content})
    return content


BOMBS = {
    "zip of zeros": (lambda: zeros_zip(80 << 20), "a.zip"),
    "zip that lies": (lying_zip, "a.zip"),
    "zip that overlaps": (overlapping_zip, "a.zip"),
    "zip of too many entries": (crowded_zip, "a.zip"),
    "zip of many zips": (lambda: zip_of({f"{n}.zip": nested_zip(2) for n in range(16)}), "42.zip"),
    "nested zips": (nested_zip, "a.zip"),
    "gzip of zeros": (lambda: gzip.compress(bytes(80 << 20)), "a.txt.gz"),
    "bzip2 of zeros": (lambda: bz2.compress(bytes(80 << 20)), "a.txt.bz2"),
    "xz of zeros": (lambda: lzma.compress(bytes(80 << 20), preset=0), "a.txt.xz"),
    "tar.gz of zeros": (lambda: tar_of({"a.png": bytes(80 << 20)}, "w:gz"), "a.tar.gz"),
    "tar.bz2 of zeros": (lambda: tar_of({"a.txt": bytes(80 << 20)}, "w:bz2"), "a.tar.bz2"),
    "tar with a header bomb": (header_bomb_tar, "a.tar.gz"),
    "sparse tar": (sparse_tar, "a.tar"),
    "zip without an end": (lambda: zip_of(PICTURES)[:-22], "a.zip"),
    "zip with two ends": (lambda: zip_of(PICTURES) + b"PK\x05\x06" + bytes(18), "a.zip"),
    "gzip in gzip": (lambda: gzip.compress(gzip.compress(b"text")), "a.gz.gz"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_soon_and_leaves_nothing(mill: Intake, bomb: str) -> None:
    make, name = BOMBS[bomb]
    content = make()
    start_s = time.process_time()
    result = mill(content, name)
    assert time.process_time() - start_s < 4
    assert result["error"]["message"]
    left = [path for path in Path(mill.out).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) < 1 << 20


def test_far_more_than_it_is_means_a_bomb(mill: Intake) -> None:
    for bomb in ("zip of zeros", "zip that overlaps", "gzip of zeros", "tar.gz of zeros"):
        make, name = BOMBS[bomb]
        assert mill(make(), name)["error"]["code"] == "archive_bomb", bomb
