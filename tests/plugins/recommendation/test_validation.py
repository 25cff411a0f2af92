"""What recommendation says about a dataset before any training time is spent."""

from modelmill_recommendation.plugin import Recommendation
from modelmill_sdk.testing import dataset_write, validate_once

from tests.plugins.recommendation.small import walks


def problems_of(tmp_path, rows, **params):
    data = dataset_write(tmp_path / "data", "interactions", train=rows)
    return validate_once(Recommendation, data, params)


def test_good_interactions_have_no_problems(tmp_path) -> None:
    assert problems_of(tmp_path, walks()) == []


def test_a_row_without_user_item_or_time_is_named(tmp_path) -> None:
    rows = walks()[:10]
    rows[2]["user"], rows[4]["item"], rows[6]["timestamp"] = " ", "", None
    found = problems_of(tmp_path, rows)
    assert {(one.row, one.field) for one in found} == {(2, "user"), (4, "item"), (6, "timestamp")}
    assert all(one.file == "train" and one.reason and one.fix for one in found)


def test_too_few_users_are_a_problem(tmp_path) -> None:
    (found,) = problems_of(tmp_path, [row for row in walks() if row["user"] in ("u1", "u2")])
    assert found.reason.startswith("2 users met 3 items or more; at least 20")


def test_a_least_rating_needs_ratings(tmp_path) -> None:
    rows = [{"user": row["user"], "item": row["item"]} for row in walks()]
    (found,) = problems_of(tmp_path, rows, min_rating=3)
    assert found.field == "min_rating"
    missing = walks()
    missing[3]["rating"] = None
    (found,) = problems_of(tmp_path / "more", missing, min_rating=3)
    assert (found.row, found.field) == (3, "rating")
