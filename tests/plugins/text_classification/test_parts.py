"""The parts of text classification: words, n-grams, TF-IDF, plans, calibration."""

import numpy as np
import pytest
from modelmill_sdk import CustomerError
from modelmill_text_classification.calibration import (
    log_loss,
    probabilities,
    temperature_fit,
)
from modelmill_text_classification.ngrams import ngrams_learn, texts_split
from modelmill_text_classification.params import TrainParams
from modelmill_text_classification.plans import Amount, methods_choose
from modelmill_text_classification.readers import HashedReader, WordReader
from modelmill_text_classification.reports import Answers, report_make
from modelmill_text_classification.tfidf import tfidf_learn
from modelmill_text_classification.words import text_plain, words_join, words_of

TEXTS = [
    "The mill turns, and the miller sleeps.",
    "the mill's wheel; it turns",
    "面粉很好，值得推荐",
    "The miller’s cat sleeps",
]


def test_of_no_end_of_groups_the_largest_are_reported() -> None:
    groups = [f"{number:04}" for number in range(500)] + ["large"] * 20
    truth = np.zeros(len(groups), dtype=np.int64)
    logits = np.tile([1.0, 0.0], (len(groups), 1))
    report = report_make(
        Answers(labels=["a", "b"], logits=logits, truth=truth, usual=0, groups=groups), split="test"
    )
    assert len(report["groups"]) == 100
    assert report["groups"][-1]["group"] == "large" and report["groups"][-1]["rows"] == 20
    named = [name for name in report["metrics"] if name.startswith("accuracy_of_")]
    assert len(named) == 10 and "accuracy_of_large" in named


def test_a_chinese_character_is_a_word_and_full_width_forms_are_plain() -> None:
    assert words_of(text_plain("ＭＩＬＬ’s 面粉， fine")) == ["mill’s", "面", "粉", ",", "fine"]
    assert words_join(["很", "好", "mill", "面", "粉"]) == "很好 mill 面粉"


def test_tf_idf_is_what_scikit_learn_computes() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    theirs = TfidfVectorizer(
        sublinear_tf=True,
        ngram_range=(1, 2),
        tokenizer=lambda text: words_of(text_plain(text)),
        token_pattern=None,
        lowercase=False,
    )
    expected = theirs.fit_transform(TEXTS)
    ours, rows = tfidf_learn(TEXTS, [("word", 1, 2)], most=10_000)
    assert rows.shape == expected.shape
    # The order of columns is another, so each row is compared by its sorted values.
    for one, other in zip(rows.toarray(), expected.toarray(), strict=True):
        np.testing.assert_allclose(np.sort(one), np.sort(other), atol=1e-12)
    np.testing.assert_allclose(ours.transform(TEXTS).toarray(), rows.toarray(), atol=1e-12)


def test_what_was_learned_is_spelled_for_people() -> None:
    ngrams, counts = ngrams_learn(
        texts_split(TEXTS, "word"), unit="word", lowest=1, highest=2, most=99
    )
    names = [ngrams.name(feature) for feature in range(len(ngrams))]
    assert {"the mill", "面粉", "miller"} <= set(names)
    assert counts.sum(axis=0).A1[names.index("the")] == 4


def test_a_text_of_unknown_words_has_an_empty_row() -> None:
    tfidf, _ = tfidf_learn(TEXTS, [("word", 1, 2), ("character", 2, 4)], most=10_000)
    assert tfidf.transform(["ξένος", ""]).nnz == 0


def test_auto_tries_the_cheapest_first_and_stays_within_its_budget() -> None:
    few, many = (Amount(rows=n, words=20 * n, characters=100 * n) for n in (1_000, 1_000_000))
    assert methods_choose(TrainParams(), few, device="cpu")[:2] == ["words", "both"]
    assert methods_choose(TrainParams(), many, device="cpu") == ["words"]
    # Read eight times over in three hundred steps: as much as that takes, not as the text is long.
    assert methods_choose(TrainParams(), few, device="cpu")[2:] == ["bag"]
    assert "lstm" in methods_choose(TrainParams(budget_s=60), few, device="cpu")
    assert methods_choose(TrainParams(method="bag"), many, device="cpu") == ["bag"]


def test_privacy_and_a_method_without_it_are_refused_together() -> None:
    params, amount = (
        TrainParams(privacy_epsilon=8, method="lstm"),
        Amount(rows=9, words=9, characters=9),
    )
    with pytest.raises(CustomerError, match="Differential privacy works with the method bag only"):
        methods_choose(params, amount, device="cpu")


def test_one_temperature_makes_bold_answers_honest() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(2_000, 3))
    labels = np.array([random.choice(3, p=row) for row in probabilities(logits)])
    found = temperature_fit(logits * 4, labels)
    assert found == pytest.approx(4, rel=0.1)
    assert log_loss(probabilities(logits * 4 / found), labels) < log_loss(
        probabilities(logits * 4), labels
    )


def test_readers_read_the_same_after_they_were_stored(tmp_path) -> None:
    from modelmill_text_classification.readers import reader_load

    for name, reader in {
        "hashed": HashedReader(buckets=512, order=2, max_tokens=16),
        "words": WordReader.learn([*TEXTS, *TEXTS], most=100, max_tokens=16),
    }.items():
        (tmp_path / name).mkdir()
        reader.save(tmp_path / name)
        again = reader_load(tmp_path / name)
        for text in [*TEXTS, "", "ξένος"]:
            assert again.ids(text) == reader.ids(text) and reader.ids(text)
            assert len(reader.pieces(text)) == len(reader.ids(text))
