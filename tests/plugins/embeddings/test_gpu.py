"""On a GPU: an encoder gives the vectors that it gives on the processor."""

from pathlib import Path

import pytest
import torch
from modelmill_embeddings.encoder import encoder_open
from modelmill_embeddings.folders import tiny_write

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no CUDA device here."),
]


def test_vectors_are_those_of_the_processor(tmp_path: Path) -> None:
    folder = tiny_write(tmp_path / "tiny")
    texts = ["corn", "barley and rye and oats", "the mill turns by the river"]
    there = [one["embedding"] for one in encoder_open(folder, "cuda").embed(texts)]
    here = [one["embedding"] for one in encoder_open(folder, "cpu").embed(texts)]
    for one, other in zip(there, here, strict=True):
        # A GPU may multiply in bfloat16, which has about three digits.
        assert one == pytest.approx(other, abs=0.02)
