import subprocess
import sys

import pytest
from modelmill_sdk.testing import dataset_write, validate_once
from modelmill_text_generation.batches import Windows
from modelmill_text_generation.corpus import join_texts, layout_of
from modelmill_text_generation.params import TrainParams
from modelmill_text_generation.plans import settle_plan
from modelmill_text_generation.plugin import TextGeneration

from .conftest import sentences, text_data


def test_every_parameter_has_a_title_a_description_and_a_default():
    for params in (TextGeneration.TrainParams, TextGeneration.Input, TextGeneration.PredictParams):
        for name, field in params.model_json_schema()["properties"].items():
            assert field["title"], name
            assert field["description"], name
            assert "default" in field, name
            assert "anyOf" not in field, name


def test_describing_imports_nothing_heavy():
    check = (
        "import sys, modelmill_text_generation.plugin as p; p.TextGeneration.TrainParams();"
        "print([m for m in ('torch', 'transformers', 'numpy', 'peft') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_good_text_has_no_problems(english):
    assert validate_once(TextGeneration, english) == []


def test_empty_rows_and_too_little_text_are_named(tmp_path):
    data = text_data(tmp_path / "data", ["Short.", "", "  \n", "Also short."], held=0)

    problems = validate_once(TextGeneration, data)

    assert [problem.row for problem in problems] == [1, 2, None]
    assert "17 characters; this method needs at least 1,000" in problems[-1].reason
    assert problems[-1].fix


def test_conversations_without_an_answer_are_named(tmp_path):
    rows = [
        {"messages": [{"role": who, "content": text}]}
        for who, text in [("user", " "), ("user", "Hello?")]
        + [("assistant", text) for text in sentences(60)]
    ]
    data = dataset_write(tmp_path / "data", "conversations", train=rows)

    problems = validate_once(TextGeneration, data)

    assert [problem.row for problem in problems] == [0, 1]
    assert "The assistant says nothing" in problems[1].reason


@pytest.mark.parametrize(
    ("texts", "rows", "expected"),
    [
        (["To be,", "or not to be"], "auto", (False, "\n")),
        ([" A paragraph of prose." * 8] * 3, "auto", (False, "\n\n")),
        ([" A whole page." * 90] * 3, "auto", (True, "")),
        (["To be,"], "documents", (True, "")),
        ([" A whole page." * 90], "passages", (False, "\n\n")),
        (["A line.\n" * 90, "Of one file.\n\n" * 90, "Cut. " * 400], "auto", (False, "")),
    ],
)
def test_rows_follow_one_another_as_they_look(texts, rows, expected):
    layout = layout_of(texts, rows=rows, kind="text")

    assert (layout.is_documents, layout.joiner) == expected


def test_a_text_that_was_cut_into_rows_is_put_together_again():
    rows = ["One line.\n", "A paragraph.\n\n", "And the end."]
    layout = layout_of(rows, rows="auto", kind="text")

    assert join_texts(rows, layout) == ["".join(rows)]
    assert layout.opening == "\n\n"


def test_a_plan_fits_the_text_and_the_base():
    small = settle_plan(TrainParams(), device="cpu", token_count=200, base_context=None)
    base = settle_plan(
        TrainParams(context=512), device="cuda:0", token_count=10**7, base_context=256
    )

    assert small.context == 50
    assert base.context == 256


def test_windows_are_decided_by_the_step_alone():
    import torch

    tokens = torch.arange(1000)
    one = Windows(tokens, context=16, batch=4, seed=1)
    in_order = [one.at(step) for step in range(1, 40)]
    late = Windows(tokens, context=16, batch=4, seed=1).at(33)

    assert late.inputs.equal(in_order[32].inputs)
    assert late.inputs.shape == (4, 16)
    assert (late.targets - late.inputs).eq(1).all()
