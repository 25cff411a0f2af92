"""On a GPU: that it learns there, in which precision, how fast and how well."""

import time

import pytest
import torch
from modelmill_image_classification.plugin import ImageClassification
from modelmill_sdk.testing import predict_once, train_once

from tests.plugins.image_classification.small import PREDICT, check

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no CUDA device here."),
]


@pytest.mark.parametrize("network", ["small", "resnet"])
def test_it_learns_digits_on_a_gpu(many_digits, tmp_path, network) -> None:
    params = {"network": network, "epochs": 12, "resolution": 28}
    began_s = time.perf_counter()
    model_dir, metrics = train_once(
        ImageClassification, many_digits, params, tmp_path, device="cuda"
    )
    pace = metrics["pictures_seen"] / (time.perf_counter() - began_s)
    name = torch.cuda.get_device_name()
    print(f"\n{name}: {network}, {pace:,.0f} pictures/s in all, accuracy {metrics['accuracy']:.4f}")
    assert metrics["accuracy"] > 0.85
    check(predict_once(ImageClassification, model_dir, PREDICT, device="cuda"))
