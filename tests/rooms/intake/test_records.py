"""JSONL, JSON, CSV and Parquet: kinds, types, and every bad row named."""

import csv
import io
import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.rooms.intake.conftest import Intake, picture, zip_of

QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def jsonl(*records: object) -> bytes:
    return "\n".join(
        record if isinstance(record, str) else json.dumps(record) for record in records
    ).encode()


def parquet(**columns: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "kind", "row"),
    [
        (jsonl({"text": "hello", "source": "x"}), "a.jsonl", "text", {"text": "hello"}),
        (jsonl({"text": "hello", "label": "yes"}), "a.jsonl", "labelled_text",
         {"text": "hello", "label": 0}),
        (jsonl({"messages": [{"role": "user", "content": "hi", "name": "x"}]}), "a.jsonl",
         "conversations", {"messages": [{"role": "user", "content": "hi"}]}),
        (b"user_id,item_id,rating,timestamp\n1,2,4.5,2024-01-01T00:00:00Z\n", "a.csv",
         "interactions", {"user": "1", "item": "2", "rating": 4.5, "timestamp": 1704067200}),
        (b"user;item\nann;tea\n", "a.csv", "interactions", {"user": "ann", "item": "tea"}),
        (b"age\tname\tok\n41\tAnn\ttrue\n", "a.tsv", "table",
         {"age": 41, "name": "Ann", "ok": True}),
        (b'[{"a": 1}, {"a": 2.5}]', "a.json", "table", {"a": 1.0}),
        (parquet(text=["hello"]), "a.parquet", "text", {"text": "hello"}),
        (parquet(a=[1], b=[[1, 2]]), "a.parquet", "table", {"a": 1, "b": "[1, 2]"}),
        (zip_of({"x/data.csv": b"text,label\nhi,1\n"}), "a.zip", "labelled_text",
         {"text": "hi", "label": 0}),
        (jsonl({"text": "no ending"}), "upload", "text", {"text": "no ending"}),
    ],
)  # fmt: skip
def test_columns_make_the_kind(mill: Intake, content, name, kind, row) -> None:
    result = mill(content, name)
    assert (result.get("error"), result["kind"]) == (None, kind)
    assert mill.rows()[0] == row


def test_labels_are_numbered_in_an_order_people_expect(mill: Intake) -> None:
    assert mill(b"text,label\na,10\nb,9\nc,1\n", "a.csv")["label_names"] == ["1", "9", "10"]
    assert mill(b"text,label\na,yes\nb,no\n", "a.csv")["label_names"] == ["no", "yes"]


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        ("{", "", "This line is not valid JSON."),
        ("[1]", "", "This is not a JSON object."),
        ('{"text": NaN, "label": 1}', "", "This line is not valid JSON."),
        ('{"text": ' + "9" * 5000 + "}", "", "This line is not valid JSON."),
        ("[" * 100_000, "", "This line is not valid JSON."),
        ({"label": "a"}, "text", "This value is missing."),
        ({"text": "x"}, "label", "This value is missing."),
        ({"text": "  ", "label": "a"}, "text", "This text is empty."),
        ({"text": 5, "label": "a"}, "text", "This value is of the wrong type."),
        ('{"text": "\\ud800", "label": "a"}', "", "This text has half a character in it."),
    ],
)
def test_a_bad_row_is_named_and_the_others_stay(mill: Intake, bad, field, reason) -> None:
    good = [{"text": f"good {n}", "label": "ab"[n % 2]} for n in range(3)]
    result = mill(jsonl(*good, bad), "a.jsonl")
    assert sum(result["splits"].values()) == 3
    assert [(p["row"], p["field"], p["reason"]) for p in result["problems"]] == [(4, field, reason)]


def test_a_csv_row_of_another_length_is_named_by_its_line(mill: Intake) -> None:
    result = mill(b'a,b\n1,"x\ny"\n2\n3,z\n', "a.csv")
    assert [problem["row"] for problem in result["problems"]] == [4]
    assert len(mill.rows()) == 2


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.jsonl", "no_rows"),
        (b"\n\n", "a.jsonl", "no_rows"),
        (b"[]", "a.json", "no_rows"),
        (b"[1, 2", "a.json", "broken_json"),
        (b"{\n", "a.jsonl", "no_rows"),
        (b"a,a\n1,2\n", "a.csv", "bad_header"),
        (b"a,\n1,2\n", "a.csv", "bad_header"),
        (b'a,b\n1,"never closed\n', "a.csv", "broken_csv"),
        (b"a,b\n", "a.csv", "no_rows"),
        (b"text\n\xff\xfe\xfd\n", "a.csv", "wrong_encoding"),
        (b'{"text": "a"}\n{"text": "\xff"}', "a.jsonl", "wrong_encoding"),
        (b"PAR1 but not really", "a.parquet", "broken_parquet"),
        (parquet(a=[1, 2, 3])[:-20], "a.parquet", "broken_parquet"),
        (b"plain words", "a.parquet", "wrong_content"),
        (jsonl({"text": "ok"}, "{", "{"), "a.jsonl", "too_many_problems"),
        (jsonl({f"c{n}": 1 for n in range(300)}), "a.jsonl", "bad_columns"),
        (jsonl({"a\u0000b": 1}), "a.jsonl", "bad_columns"),
        (jsonl(*({"text": "t", "label": str(n)} for n in range(60))), "a.jsonl", "too_many_labels"),
        (b'{"text": "' + b"x" * 200_000 + b'"}', "a.jsonl", "wrong_encoding"),
    ],
)
def test_a_hopeless_file_is_refused_with_a_sentence(mill: Intake, content, name, code) -> None:
    result = mill(content, name, labels=50, line_chars=100_000)
    assert result["error"]["code"] == code
    assert result["error"]["message"][-1] in ".?"
    assert "shards" not in result


def test_events_that_repeat_are_all_kept(mill: Intake) -> None:
    result = mill(b"user,item\nann,tea\nann,tea\nann,tea\nbob,tea\nbob,milk\n", "a.csv")
    assert sum(result["splits"].values()) == 5
    assert result["statistics"]["users"] == 2


def test_pictures_in_parquet_are_pictures(mill: Intake) -> None:
    images = [{"bytes": picture(n), "path": f"{n}.png"} for n in range(4)]
    result = mill(parquet(image=images, label=[0, 1, 0, 1]), "a.parquet")
    assert (result["kind"], result["label_names"]) == ("labelled_images", ["0", "1"])
    assert len(result["thumbnails"]) == 4


def test_many_problems_are_counted_and_the_first_are_kept(mill: Intake) -> None:
    result = mill(jsonl(*[{"text": f"good {n}"} for n in range(60)], *["{"] * 50), "a.jsonl",
                  problems=10)  # fmt: skip
    assert (result["problem_count"], len(result["problems"])) == (50, 10)


# What a spreadsheet would take for a formula, and what breaks naive writers.
cells = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20
) | st.sampled_from(["=1+1", "+A1", "-2", "@SUM(A1)", 'say "hi"', "a,b", "0012", "1e5", "true"])


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=30))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_text_survives_the_way_through_csv(mill: Intake, rows) -> None:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["first", "second"])
    # One cell that is surely text keeps both columns from being read as numbers.
    writer.writerows([*rows, ("text", "text")])
    mill(out.getvalue().encode(), "a.csv")
    want = [tuple(cell or None for cell in row) for row in [*rows, ("text", "text")]
            if any(cell.strip() for cell in row)]  # fmt: skip
    got = [(row["first"], row["second"]) for row in mill.rows()]
    assert sorted(map(repr, got)) == sorted(map(repr, want))


values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)


@given(st.lists(values, min_size=1, max_size=30))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_mixture_of_values_breaks_a_table(mill: Intake, column) -> None:
    rows = [{"n": n, "value": value} for n, value in enumerate(column)]
    result = mill(jsonl(*rows), "a.jsonl")
    assert sum(result["splits"].values()) == len(column)
    assert all(
        not isinstance(row["value"], float) or math.isfinite(row["value"]) for row in mill.rows()
    )
