"""Pictures decoded once, and batches that the step alone decides."""

import numpy as np
import pytest
from modelmill_sdk.data import TrainData
from modelmill_sdk.errors import CustomerError
from modelmill_sdk.learning.batches import PictureBatches, Shuffled
from modelmill_sdk.learning.pictures import pictures_decode, pictures_decoded
from modelmill_sdk.testing import dataset_write
from PIL import Image


def data_of(tmp_path, images):
    folder = dataset_write(tmp_path / "data", "images", train=[{"image": one} for one in images])
    return TrainData(folder, cache_dir=tmp_path / "cache")


def noise(mode: str, size=(20, 12), seed: int = 0) -> Image.Image:
    shape = (*size[::-1], 3) if mode == "RGB" else size[::-1]
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(pixels, mode)


@pytest.mark.parametrize("threads", [1, 3])
def test_pictures_keep_their_order_whatever_the_threads(tmp_path, threads) -> None:
    flat = [Image.new("RGB", (9, 9), (n, 2 * n, 0)) for n in range(100)]
    pictures = pictures_decode(
        data_of(tmp_path, flat), size=4, folder=tmp_path / "work", threads=threads
    )
    assert pictures.shape == (100, 4, 4, 3)
    assert pictures[:, 0, 0, 0].tolist() == list(range(100))


def test_grey_pictures_take_one_channel_unless_colour_is_asked_for(tmp_path) -> None:
    data = data_of(tmp_path, [noise("L", seed=n) for n in range(3)])
    assert pictures_decode(data, size=8, folder=tmp_path / "a").shape == (3, 8, 8, 1)
    asked = pictures_decode(data, size=8, folder=tmp_path / "b", channels="colour")
    assert asked.shape == (3, 8, 8, 3)


def test_one_coloured_picture_makes_all_of_them_coloured(tmp_path) -> None:
    data = data_of(tmp_path, [noise("L"), noise("RGB")])
    assert pictures_decode(data, size=8, folder=tmp_path / "a").shape == (2, 8, 8, 3)


def test_grey_pictures_stored_as_colour_end_as_grey_and_leave_one_file(tmp_path) -> None:
    grey = noise("L", size=(8, 8))
    for name, images in {"a": [grey, grey.convert("RGB")], "b": [grey.convert("RGB")] * 2}.items():
        data = data_of(tmp_path / name, images)
        pictures = pictures_decode(data, size=8, folder=tmp_path / name / "work")
        assert pictures.shape == (2, 8, 8, 1)
        assert (pictures[:, :, :, 0] == np.asarray(grey)).all()
        assert len(list((tmp_path / name / "work").iterdir())) == 1


def test_grey_rows_before_the_first_coloured_one_are_kept(tmp_path) -> None:
    grey, coloured = noise("L", size=(8, 8)), noise("RGB", size=(8, 8))
    data = data_of(tmp_path, [grey, coloured, grey])
    pictures = pictures_decode(data, size=8, folder=tmp_path / "work")
    assert (pictures[0] == np.asarray(grey)[:, :, None]).all()
    assert (pictures[1] == np.asarray(coloured)).all()
    assert (pictures[2] == pictures[0]).all()
    found = pictures_decoded(tmp_path / "work")
    assert found is not None and found.shape == (3, 8, 8, 3)


def test_a_row_that_is_no_picture_is_named(tmp_path) -> None:
    rows = [{"image": {"bytes": b"no picture", "path": "cat.png"}}]
    folder = dataset_write(tmp_path / "data", "images", train=rows)
    data = TrainData(folder, cache_dir=tmp_path / "cache")
    with pytest.raises(CustomerError, match=r"cat\.png is no picture"):
        pictures_decode(data, size=8, folder=tmp_path / "work")


def test_each_epoch_shows_each_row_once_in_another_order() -> None:
    order = Shuffled(10, batch_size=4, seed=1)
    read = np.concatenate([order.rows(index) for index in range(5)])
    assert sorted(read[:10]) == sorted(read[10:]) == list(range(10))
    assert read[:10].tolist() != read[10:].tolist()
    assert Shuffled(10, batch_size=4, seed=1).rows(3).tolist() == order.rows(3).tolist()
    assert order.batches_per_epoch == 3


def test_a_batch_larger_than_the_dataset_shows_rows_again() -> None:
    assert sorted(Shuffled(2, batch_size=5, seed=0).rows(0)) in ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])


def test_batches_are_in_range_and_half_of_them_mirrored() -> None:
    pictures = np.zeros((200, 1, 2, 1), dtype=np.uint8)
    pictures[:, 0, 1, 0] = 255
    batch = PictureBatches(pictures, batch_size=200, seed=0, mirror=True).batch(0)
    assert batch.shape == (200, 1, 1, 2)
    assert (batch.min(), batch.max()) == (-1.0, 1.0)
    assert 60 < int((batch[:, 0, 0, 0] > 0).sum()) < 140
    assert pictures[:, 0, 0].max() == 0
