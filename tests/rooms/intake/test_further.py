"""Columns beside text, picture and label: kept as short texts, or left out with a word."""

import datetime
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.rooms.intake.conftest import Intake, picture
from tests.rooms.intake.test_records import jsonl, parquet

CHANNELS = ["shop", "mill", None]


def labelled(**further: object) -> dict[str, object]:
    return {"text": "flour", "label": "good", **further}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"text,channel,label\na,shop,x\nb,mill,y\nc,,x\n", "a.csv"),
        (b"channel\tlabel\ttext\nshop\tx\ta\n mill \ty\tb\n\tx\tc\n", "a.tsv"),
        (jsonl({"text": "a", "label": "x", "channel": "shop"},
               {"text": "b", "label": "y", "channel": "mill"}, {"text": "c", "label": "x"}),
         "a.jsonl"),
        (json.dumps([{"text": "a", "label": "x"}, {"text": "b", "label": "y", "channel": "mill"},
                     {"text": "c", "label": "x", "channel": ""}]).encode(), "a.json"),
        (parquet(text=list("abc"), label=list("xyx"), channel=CHANNELS), "a.parquet"),
    ],
    ids=["csv", "tsv", "jsonl", "json", "parquet"],
)  # fmt: skip
def test_labelled_texts_keep_their_further_columns(mill: Intake, content, name) -> None:
    result = mill(content, name)
    assert (result["kind"], result["problem_count"]) == ("labelled_text", 0)
    rows = {row["text"]: row for row in mill.rows()}
    assert list(rows["b"]) == ["text", "label", "channel"]
    assert (rows["b"]["channel"], rows["c"]["channel"]) == ("mill", None)
    assert result["statistics"]["further_columns"] == ["channel"]
    assert {row["channel"] for row in result["preview"]} >= {"mill", None}


def test_labelled_pictures_in_parquet_keep_them_too(mill: Intake) -> None:
    images = [{"bytes": picture(n), "path": f"{n}.png"} for n in range(3)]
    result = mill(parquet(image=images, label=[0, 1, 0], camera=CHANNELS), "a.parquet")
    assert (result["kind"], result["problem_count"]) == ("labelled_images", 0)
    assert {row["image"]["path"]: row["camera"] for row in mill.rows()} == {
        "0.png": "shop", "1.png": "mill", "2.png": None
    }  # fmt: skip
    assert result["statistics"]["further_columns"] == ["camera"]


def test_pictures_without_labels_have_none(mill: Intake) -> None:
    result = mill(parquet(image=[picture(1)], camera=["left"], note=["x" * 300]), "a.parquet")
    assert list(mill.rows()[0]) == ["image"]
    assert (result["kind"], result["problem_count"]) == ("images", 0)


def test_a_version_of_other_groups_has_another_hash_and_the_same_splits(mill: Intake) -> None:
    def milled(channel: str) -> tuple[str, dict[str, list[str]]]:
        result = mill(
            jsonl(*({"text": f"t{n}", "label": "ab"[n % 2], channel: n % 3} for n in range(40))),
            "a.jsonl",
        )
        splits = ("train", "validation", "test")
        return result["sha256"], {s: sorted(row["text"] for row in mill.rows(s)) for s in splits}

    first, other = milled("channel"), milled("region")
    assert first[0] != other[0] and first[1] == other[1]
    assert milled("channel") == first


def test_a_text_is_one_whatever_stands_beside_it(mill: Intake) -> None:
    result = mill(jsonl(labelled(channel="shop"), labelled(channel="mill")), "a.jsonl")
    assert [row["channel"] for row in mill.rows()] == ["shop"]
    assert (result["statistics"]["duplicates"], result["problem_count"]) == (1, 0)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (True, "true"),
        (7, "7"),
        (2.5, "2.5"),
        (" north \n west ", "north west"),
        ("bell\u0007 and half \ud800", "bell\ufffd and half \ufffd"),
        ("می\u200cشود", "می\u200cشود"),
        ("x" * 200, "x" * 200),
    ],
)
def test_values_are_short_texts_of_one_line(mill: Intake, value, kept) -> None:
    mill(jsonl(labelled(channel=value)), "a.jsonl")
    assert mill.rows()[0]["channel"] == kept


def test_dates_and_gaps_of_parquet_are_texts_and_gaps(mill: Intake) -> None:
    out = io.BytesIO()
    columns = {
        "day": [datetime.date(2026, 5, 1), None],
        "score": [float("nan"), 0.5],
        "never": pa.nulls(2),
    }
    pq.write_table(pa.table({"text": ["a", "b"], "label": ["x", "y"], **columns}), out)
    mill(out.getvalue(), "a.parquet")
    assert [(row["day"], row["score"]) for row in sorted(mill.rows(), key=lambda r: r["text"])] == [
        ("2026-05-01", None),
        (None, "0.5"),
    ]
    assert "never" not in mill.rows()[0]


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("n" * 101, "x", "its name is too long"),
        ("a\u0000b", "x", "not printable"),
        ("", "x", "empty"),
        (" Label", "x", "another one has this name"),
        ("note", "x" * 201, "more than short texts"),
        ("tags", ["x"], "more than short texts"),
        ("where", {"x": 1}, "more than short texts"),
    ],
)
def test_a_column_that_is_left_out_is_named_and_no_row_is_lost(
    mill: Intake, name, value, word
) -> None:
    rows = [{"text": f"t{n}", "label": "ab"[n % 2], "channel": "shop"} for n in range(3)]
    result = mill(jsonl(*rows, labelled(**{name: value}, channel="mill")), "a.jsonl")
    assert list(mill.rows()[0]) == ["text", "label", "channel"]
    (problem,) = result["problems"]
    assert word in problem["reason"] and problem["row"] is None and problem["file"] == "a.jsonl"
    assert problem["field"] == name.replace("\u0000", "\ufffd")
    assert (result["rows_seen"], len(mill.rows())) == (4, 4)


def test_the_first_sixteen_are_kept_whatever_the_number(mill: Intake) -> None:
    columns = {"note": "x" * 300, **{f"c{n}": n for n in range(18)}}
    result = mill(jsonl(labelled(**columns)), "a.jsonl")
    assert list(mill.rows()[0])[2:] == [f"c{n}" for n in range(16)]
    assert [problem["field"] for problem in result["problems"]] == ["note", "c16", "c17"]


def test_no_more_names_are_remembered_than_a_table_may_have(mill: Intake) -> None:
    rows = [{"text": f"t{n}", "label": "ab"[n % 2], f"c{n}": "x" * 300} for n in range(50)]
    assert mill(jsonl(*rows), "a.jsonl", columns=20)["problem_count"] == 20


def test_when_no_row_is_good_the_first_bad_row_is_told(mill: Intake) -> None:
    result = mill(jsonl({"text": " ", "label": "a", "note": "x" * 300}), "a.jsonl")
    assert result["error"]["message"].endswith("This text is empty.")
