"""The training data as a plugin sees it."""

import pytest
from modelmill_sdk.data import TrainData
from modelmill_sdk.testing import dataset_write
from PIL import Image


def test_pictures_come_decoded_with_named_labels(tmp_path) -> None:
    rows = [{"image": Image.new("RGB", (8, 6), "red"), "label": 1}]
    folder = dataset_write(
        tmp_path / "data", "labelled_images", train=rows, label_names=["cat", "dog"]
    )
    data = TrainData(folder, cache_dir=tmp_path / "cache")
    assert data.kind == "labelled_images"
    row = data["train"][0]
    assert row["image"].size == (8, 6)
    assert data["train"].features["label"].int2str(row["label"]) == "dog"


def test_only_splits_with_rows_are_there(tmp_path) -> None:
    folder = dataset_write(tmp_path / "data", "text", train=[{"text": "你好"}])
    data = TrainData(folder, cache_dir=tmp_path / "cache")
    assert list(data) == ["train"]
    assert "validation" not in data
    assert data.get("validation") is None
    assert data.row_count("validation") == 0
    assert data.files("validation") == []
    with pytest.raises(KeyError, match="there are: train"):
        data["validation"]


def test_the_shards_can_be_read_without_the_datasets_library(tmp_path) -> None:
    import pyarrow.parquet as pq

    folder = dataset_write(tmp_path / "data", "text", train=[{"text": "a"}, {"text": "b"}])
    data = TrainData(folder, cache_dir=tmp_path / "cache")
    (file,) = data.files("train")
    assert pq.read_table(file)["text"].to_pylist() == ["a", "b"]


def test_conversations_come_as_messages(tmp_path) -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    folder = dataset_write(tmp_path / "data", "conversations", train=[{"messages": messages}])
    data = TrainData(folder, cache_dir=tmp_path / "cache")
    assert data["train"][0]["messages"] == messages
