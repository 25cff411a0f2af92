"""What the plugin says of itself and of a dataset, before any training time."""

import subprocess
import sys

import pytest
from modelmill_image_classification.plugin import ImageClassification
from modelmill_sdk import CustomerError
from modelmill_sdk.testing import dataset_write, validate_once
from PIL import Image

from tests.plugins.image_classification.conftest import digit_rows

NAMES = [str(number) for number in range(10)]


def test_describing_it_imports_no_torch() -> None:
    code = "import sys, modelmill_image_classification.plugin; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_good_digits_have_no_problem(some_digits) -> None:
    assert validate_once(ImageClassification, some_digits) == []


def test_it_names_pictures_that_are_unreadable_tiny_or_far_from_square(tmp_path) -> None:
    rows = digit_rows(0, 200)
    rows[3]["image"] = {"bytes": b"no picture", "path": "notes.png"}
    rows[5]["image"] = Image.new("L", (90, 8))
    rows[7]["image"] = Image.new("L", (3, 3))
    data = dataset_write(tmp_path / "data", "labelled_images", train=rows, label_names=NAMES)
    found = validate_once(ImageClassification, data)
    assert [(one.row, one.field) for one in found] == [(3, "image"), (5, "image"), (7, "image")]
    assert found[0].file == "notes.png" and "not a picture" in found[0].reason
    assert all(one.fix for one in found)


def test_it_names_a_class_with_too_few_pictures(tmp_path) -> None:
    rows = [{**row, "label": 0} for row in digit_rows(0, 20)] + digit_rows(20, 21)
    rows[-1]["label"] = 1
    data = dataset_write(tmp_path / "data", "labelled_images", train=rows, label_names=["a", "b"])
    (problem,) = validate_once(ImageClassification, data)
    assert "'b' has 1 pictures" in problem.reason


def test_it_says_where_groups_can_come_from(some_digits) -> None:
    (problem,) = validate_once(ImageClassification, some_digits, {"groups": "sex"})
    assert problem.field == "groups" and "prefix" in problem.fix


def test_it_names_the_columns_that_groups_can_come_from(tmp_path) -> None:
    rows = [{**row, "camera": "left"} for row in digit_rows(0, 200)]
    data = dataset_write(tmp_path / "data", "labelled_images", train=rows, label_names=NAMES)
    assert validate_once(ImageClassification, data, {"groups": "camera"}) == []
    (problem,) = validate_once(ImageClassification, data, {"groups": "cam"})
    assert problem.fix == "Name one of its columns: camera."


def test_it_refuses_a_base_model_that_is_not_there(some_digits, monkeypatch) -> None:
    monkeypatch.delenv("MODELMILL_BASE_MODELS", raising=False)
    with pytest.raises(CustomerError, match="No base model is installed here") as caught:
        validate_once(ImageClassification, some_digits, {"network": "base", "base": "vit"})
    assert caught.value.param == "base"
