"""Histories across splits, what is held out of them, and how guesses are ranked."""

import numpy as np
import pytest
from modelmill_recommendation.holdout import holdout_make
from modelmill_recommendation.interactions import Histories, interactions_read
from modelmill_recommendation.neighbours import item_knn_fit
from modelmill_recommendation.popularity import popularity_fit
from modelmill_recommendation.ranking import quality_measure
from modelmill_recommendation.windows import Windows
from modelmill_sdk.data import TrainData
from modelmill_sdk.testing import dataset_write


def histories_of(*items) -> Histories:
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in items])))
    return Histories(offsets, np.concatenate([np.array(one, dtype=np.int64) for one in items]))


def data_of(tmp_path, **splits) -> TrainData:
    return TrainData(
        dataset_write(tmp_path / "data", "interactions", **splits), cache_dir=tmp_path / "arrow"
    )


def row(user, item, time, rating=5.0):
    return {"user": user, "item": item, "rating": rating, "timestamp": time}


def test_a_history_is_put_together_from_all_splits_by_time(tmp_path) -> None:
    data = data_of(
        tmp_path,
        train=[row("a", "third", 30), row("b", "only", 5), row("a", "first", 10)],
        validation=[row("a", "second", 20)],
        test=[row("a", "fourth", 40)],
    )
    known = interactions_read(data)
    names = [known.items[item] for item in known.histories.of(known.users.index("a"))]
    assert names == ["first", "second", "third", "fourth"]
    assert known.is_timed and not known.has_repeats


def test_without_timestamps_the_rows_tell_the_order(tmp_path) -> None:
    rows = [{"user": "a", "item": str(number)} for number in range(40)]
    data = data_of(tmp_path, train=rows[::2], validation=rows[1::4], test=rows[3::4])
    known = interactions_read(data)
    places = [int(known.items[item]) for item in known.histories.of(0)]
    assert not known.is_timed
    assert max(abs(place - number) for number, place in enumerate(places)) <= 2


def test_poor_ratings_can_be_left_out(tmp_path) -> None:
    data = data_of(tmp_path, train=[row("a", "good", 1, 4.0), row("a", "bad", 2, 1.0)])
    known = interactions_read(data, min_rating=3)
    assert [known.items[item] for item in known.histories.of(0)] == ["good"]


def test_the_last_two_items_are_held_out_and_nothing_after_an_answer_is_known() -> None:
    holdout = holdout_make(histories_of([1, 2, 3, 4], [5, 6], [7, 8, 9]), most=10, seed=0)
    assert holdout.learned.of(0).tolist() == [1, 2]
    assert holdout.learned.of(1).tolist() == [5, 6]
    assert holdout.learned.of(2).tolist() == [7]
    assert holdout.validation.answers.tolist() == [3, 8]
    assert [items.tolist() for items in holdout.validation.histories] == [[1, 2], [7]]
    assert holdout.test.answers.tolist() == [4, 9]
    assert [items.tolist() for items in holdout.test.histories] == [[1, 2, 3], [7, 8]]


def test_what_is_learned_does_not_depend_on_how_many_are_asked() -> None:
    histories = histories_of(*([n, n + 1, n + 2] for n in range(30)))
    few, all_of_them = (holdout_make(histories, most=most, seed=1) for most in (5, 100))
    assert len(few.test) == 5
    assert few.learned.items.tolist() == all_of_them.learned.items.tolist()


def test_windows_show_every_learned_item_and_never_another_users() -> None:
    histories = histories_of(range(0, 25), range(100, 103), [200])
    windows = Windows(histories, length=10, batch_size=8, seed=0)
    shown = set()
    for index in range(10):
        for items in windows.batch(index).tolist():
            met = [item - 1 for item in items if item]
            assert met == list(range(met[0], met[0] + len(met)))
            assert items == [0] * (11 - len(met)) + [item + 1 for item in met]
            shown.update(met)
    assert shown == {*range(25), 100, 101, 102}


class Fixed:
    """Scores that do not depend on the history."""

    def __init__(self, *scores):
        self.row = np.array(scores, dtype=np.float32)

    def scores(self, histories):
        return np.tile(self.row, (len(histories), 1))


def test_ranks_are_taken_among_all_items_but_those_seen() -> None:
    questions = holdout_make(histories_of([0, 1, 2, 3]), most=1, seed=0).test
    quality = quality_measure(Fixed(9, 8, 7, 6, 5), questions, may_repeat=False)
    assert quality.ndcg == 1.0
    quality = quality_measure(Fixed(9, 8, 7, 6, 5), questions, may_repeat=True)
    assert quality.ndcg == pytest.approx(1 / np.log2(5))
    assert quality.hit_rate == 1.0


def test_equal_scores_are_no_hit_by_chance() -> None:
    histories = histories_of([0, 1, 29])
    questions = holdout_make(histories, most=1, seed=0).test
    quality = quality_measure(Fixed(*[1.0] * 30), questions, may_repeat=True)
    assert quality.hit_rate == 0.0


def test_item_knn_finds_what_the_same_people_met_and_popularity_what_most_met() -> None:
    histories = histories_of(*[[0, 1, 4]] * 30, *[[2, 3, 4]] * 40)
    knn = item_knn_fit(histories, item_count=5)
    scores = knn.scores([np.array([0]), np.array([2])])
    assert scores[0].argmax() == 1 and scores[1].argmax() == 3
    assert knn.scores([np.array([2])])[0].tobytes() == scores[1].tobytes()
    assert popularity_fit(histories, item_count=5).scores([np.array([0])])[0].argmax() == 4
