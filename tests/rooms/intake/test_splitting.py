"""Splits: decided by content, the same each time, fair, and never empty when they need not be."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from modelmill.datasets.intake.splitting import SPLITS, split_by_hash, splits_by_rank

keys = st.lists(st.binary(min_size=32, max_size=32), max_size=200)


@given(keys)
def test_the_order_of_the_rows_does_not_matter(rows: list[bytes]) -> None:
    forward = dict(zip(rows, splits_by_rank(rows), strict=True))
    backward = dict(zip(rows[::-1], splits_by_rank(rows[::-1]), strict=True))
    assert forward == backward


@given(keys)
def test_equal_contents_never_cross_a_border(rows: list[bytes]) -> None:
    doubled = rows + rows
    splits = splits_by_rank(doubled)
    assert splits[: len(rows)] == splits[len(rows) :]


@given(st.sets(st.binary(min_size=32, max_size=32), max_size=200))
def test_shares_are_exact_and_not_empty(rows: set[bytes]) -> None:
    splits = splits_by_rank(sorted(rows))
    counts = {split: splits.count(split) for split in SPLITS}
    if len(rows) >= 3:
        assert all(counts.values())
        assert counts["test"] == counts["validation"] == max(1, round(len(rows) / 10))
    if len(rows) == 2:
        assert (counts["train"], counts["validation"]) == (1, 1)
    if len(rows) == 1:
        assert counts["train"] == 1


def test_big_datasets_are_split_eight_to_one_to_one() -> None:
    hashes = [hashlib.sha256(str(number).encode()).digest() for number in range(20_000)]
    splits = [split_by_hash(key) for key in hashes]
    for split, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert abs(splits.count(split) / 20_000 - share) < 0.01


def test_a_growing_dataset_moves_only_rows_near_a_border() -> None:
    hashes = [hashlib.sha256(str(number).encode()).digest() for number in range(1_000)]
    ranked = splits_by_rank(hashes)
    moved = sum(split_by_hash(key) != split for key, split in zip(hashes, ranked, strict=True))
    assert moved < 40
