"""Plain text: nothing lost, cut where people pause, and encodings told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelmill.datasets.intake.texts import text_chunks

from tests.rooms.intake.conftest import Intake, zip_of

pieces = st.lists(st.text(alphabet="ab .\n。", max_size=300), max_size=20)


@given(pieces, st.integers(min_value=1, max_value=64))
def test_the_chunks_together_are_the_text(parts: list[str], size: int) -> None:
    chunks = list(text_chunks(parts, size_chars=size))
    assert "".join(chunks) == "".join(parts)
    assert all(0 < len(chunk) <= size for chunk in chunks)


@given(st.text(alphabet="ab .\n", max_size=500), st.integers(1, 40), st.integers(1, 50))
def test_where_the_pieces_break_does_not_matter(text: str, size: int, step: int) -> None:
    parts = [text[start : start + step] for start in range(0, len(text), step)]
    assert list(text_chunks(parts, size_chars=size)) == list(text_chunks([text], size_chars=size))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One line.\nTwo.\n\nNext paragraph goes on and on", "One line.\nTwo.\n\n"),
        ("One line of text\nand another one without end", "One line of text\n"),
        ("First sentence here. Second one goes on and", "First sentence here."),
        ("第一句话在这里。第二句话也在这里，还要继续写下去，写下去，写下去。", "第一句话在这里。"),
        ("words that go on without any end whatsoever", "words that go on without any "),
        ("x" * 50, "x" * 30),
    ],
)
def test_it_cuts_where_a_reader_would_pause(text: str, first: str) -> None:
    assert next(text_chunks([text], size_chars=30)) == first


def test_a_novel_becomes_rows_of_all_splits(mill: Intake) -> None:
    text = "".join(f"Chapter {n}.\n\n" + "It was a dark night. " * 40 + "\n\n" for n in range(60))
    result = mill(text.encode(), "novel.txt")
    assert result["kind"] == "text"
    assert sum(result["splits"].values()) >= 40
    assert min(result["splits"].values()) >= 4
    assert result["preview"][0]["text"].startswith("Chapter 0.")
    assert sorted("".join(row["text"] for row in mill.rows())) == sorted(text)


@pytest.mark.parametrize(
    "encoded",
    [
        "Über 人".encode(),
        "Über 人".encode("utf-8-sig"),
        b"\xff\xfe" + "Über 人".encode("utf-16-le"),
        b"\xfe\xff" + "Über 人".encode("utf-16-be"),
    ],
)
def test_it_reads_the_encodings_that_say_what_they_are(mill: Intake, encoded: bytes) -> None:
    mill(encoded, "a.txt")
    assert mill.rows() == [{"text": "Über 人"}]


def test_line_ends_of_all_systems_are_one(mill: Intake) -> None:
    mill(b"one\r\ntwo\rthree\n", "a.txt")
    assert mill.rows() == [{"text": "one\ntwo\nthree\n"}]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b"ok\nok\n" + "é".encode("latin-1"), 3),
        (b"line\n" * 30_000 + "好".encode("gb18030"), 30_001),
        (b"a\nb\n\xff", 3),
        (b"text\n\0\0\0", 2),
        ("\N{BYTE ORDER MARK}a\nb".encode("utf-16-le") + b"\xd8", 2),
    ],
)
def test_another_encoding_is_refused_with_its_line(mill: Intake, content: bytes, row: int) -> None:
    result = mill(content, "a.txt")
    assert result["error"]["code"] == "no_rows"
    assert [problem["row"] for problem in result["problems"]] == [row]
    assert result["problems"][0]["fix"]


@pytest.mark.parametrize("content", [b" \n\t\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_empty_text_is_refused(mill: Intake, content: bytes) -> None:
    assert mill(content, "a.txt")["error"]["code"] == "no_rows"


def test_texts_of_an_archive_are_documents_and_a_bad_one_is_left_out(mill: Intake) -> None:
    entries = {f"{n}.txt": f"Document number {n}.".encode() for n in range(5)}
    result = mill(
        zip_of({**entries, "bad.txt": b"\xff\xff", "again.txt": entries["0.txt"]}), "a.zip"
    )
    assert sum(result["splits"].values()) == 5
    assert result["statistics"]["duplicates"] == 1
    assert [problem["file"] for problem in result["problems"]] == ["bad.txt"]
