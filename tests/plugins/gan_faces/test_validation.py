"""What Faces says about a dataset before any training time is spent."""

from pathlib import Path
from typing import Any

from modelmill_gan_faces.plugin import GanFaces
from modelmill_sdk.testing import dataset_write, validate_once

from tests.plugins.gan_faces.drawn import draw_face, write_faces


def test_a_good_dataset_has_no_problems(colour_faces: Path) -> None:
    assert validate_once(GanFaces, colour_faces, {"resolution": 32}) == []


def test_too_few_images_are_a_problem(tmp_path: Path) -> None:
    data = write_faces(tmp_path / "data", count=1)
    problems = validate_once(GanFaces, data, {"resolution": 32})
    said = "The training part of this dataset has 1 image; Faces needs at least 100."
    assert [p.reason for p in problems] == [said]


def test_a_bad_picture_is_named_by_file_and_row(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"image": draw_face(seed)} for seed in range(100)]
    rows += [
        {"image": {"bytes": b"no picture", "path": "notes.png"}},
        {"image": draw_face(1).resize((10, 10))},
        {"image": draw_face(1).resize((200, 40))},
    ]
    data = dataset_write(tmp_path / "data", "images", train=rows)
    problems = validate_once(GanFaces, data, {"resolution": 32})
    assert [(p.row, p.field) for p in problems] == [(100, "image"), (101, "image"), (102, "image")]
    assert problems[0].file == "notes.png"
    assert "10×10 pixels are too few for 32×32." in problems[1].reason
    assert "too far from square" in problems[2].reason
    assert all(p.fix for p in problems)
