"""Raw data on an author's disk becomes what the platform's intake would make of it."""

import json
from pathlib import Path

import pytest
from modelmill.datasets.intake.findings import Findings
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.sources import Source
from modelmill_sdk import PluginError
from modelmill_sdk.data import TrainData
from modelmill_sdk.testing import dataset_write
from modelmill_sdk.tools.raw import dataset_of
from PIL import Image

SPLITS = ("train", "validation", "test")


def made_of(path: Path, tmp_path: Path) -> TrainData:
    return TrainData(dataset_of(path, tmp_path / "made"), cache_dir=tmp_path / "cache")


def all_rows(data: TrainData) -> list[dict]:
    return [row for split in SPLITS for row in data.rows(split)]


def intake_rows(path: Path, tmp_path: Path) -> tuple[str, list[str] | None, list[dict]]:
    limits = Limits()
    crop = Source(
        path,
        name=path.name,
        scratch=tmp_path,
        limits=limits,
        findings=Findings(keep=limits.problems),
    ).crop()
    return crop.kind, crop.label_names, [row.values for row in crop.rows]


def sorted_rows(rows: list[dict]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


RECORDS = {
    "text.jsonl": '{"text": "one"}\n{"text": "two"}\n{"text": "三"}\n',
    "labelled.csv": "text,label\nfine,good\nstale,bad\nwarm,good\n",
    "numbered.jsonl": '{"text": "a", "label": 10}\n{"text": "b", "label": 9}\n',
    "grouped.csv": "text,channel,label,n\nfine, shop ,good,1\nstale,,bad,2\nwarm,mill,good,3\n",
    "grouped.jsonl": '{"text": "a", "label": "x", "is_new": true, "tags": [1]}\n'
    '{"text": "b", "label": "y", "score": 0.5, "note": "' + "n" * 201 + '"}\n',
    "talk.jsonl": '{"messages": [{"role": "user", "content": "hi"}]}\n',
    "met.csv": "user_id,item_id,rating,time\n1,a,4,2024-01-02T03:04:05\n2,b,,1700000000\n",
    "table.csv": "n,x,who,ok,code\n1,1.5,ann,true,01\n2,3,,false,02\n,4,bob,true,03\n",
    "array.json": '[{"a": 1, "b": null}, {"a": 2.5, "b": "x"}]',
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_get_the_intakes_kind_columns_and_labels(name, tmp_path) -> None:
    path = tmp_path / name
    path.write_text(RECORDS[name], encoding="utf-8")
    kind, label_names, rows = intake_rows(path, tmp_path)
    data = made_of(path, tmp_path)
    assert (data.kind, data.label_names) == (kind, label_names)
    assert sorted_rows(all_rows(data)) == sorted_rows(rows)


def test_a_long_text_is_cut_where_the_intake_cuts_it(tmp_path) -> None:
    path = tmp_path / "book.txt"
    paragraphs = [f"Paragraph {n}. " + "The mill turns. " * (n % 30) for n in range(300)]
    path.write_text("\n\n".join(paragraphs), encoding="utf-8")
    kind, _, rows = intake_rows(path, tmp_path)
    data = made_of(path, tmp_path)
    assert data.kind == kind == "text"
    assert sorted_rows(all_rows(data)) == sorted_rows(rows)


def test_a_tenth_is_held_out_twice_and_always_the_same(tmp_path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(100)))
    first = made_of(path, tmp_path)
    assert [first.row_count(split) for split in SPLITS] == [80, 10, 10]
    again = TrainData(dataset_of(path, tmp_path / "again"), cache_dir=tmp_path / "cache")
    assert list(again.rows("test")) == list(first.rows("test"))


def picture_write(path: Path, colour: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)


def test_a_folder_of_pictures_is_images(tmp_path) -> None:
    for colour in ("red", "green", "blue"):
        picture_write(tmp_path / "raw" / f"{colour}.png", colour)
    data = made_of(tmp_path / "raw", tmp_path)
    assert (data.kind, data.label_names) == ("images", None)
    assert {row["image"]["path"] for row in all_rows(data)} == {"red.png", "green.png", "blue.png"}


def test_folders_of_pictures_are_labels(tmp_path) -> None:
    for label, colour in (("cat", "red"), ("cat", "pink"), ("dog", "blue")):
        picture_write(tmp_path / "raw" / label / f"{colour}.png", colour)
    data = made_of(tmp_path / "raw", tmp_path)
    assert (data.kind, data.label_names) == ("labelled_images", ["cat", "dog"])
    assert sorted(row["label"] for row in all_rows(data)) == [0, 0, 1]


def test_a_dataset_folder_is_taken_as_it_is(tmp_path) -> None:
    folder = dataset_write(tmp_path / "data", "text", train=[{"text": "a"}])
    assert dataset_of(folder, tmp_path / "unused") == folder
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("broken.jsonl", '{"text": "a"}\n{"text":\n', "line 2"),
        ("empty.jsonl", "", "no records"),
        ("program.exe", "MZ", "must hold texts or records"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(name, text, says, tmp_path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(PluginError, match=says):
        dataset_of(path, tmp_path / "made")
