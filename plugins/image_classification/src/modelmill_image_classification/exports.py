"""A finished network in other forms, where asked for: ONNX, and 8-bit weights.

Axes: B batch, C channels, H height, W width.
"""

import copy

import numpy as np
import torch
from modelmill_sdk import TrainRun
from modelmill_sdk.learning.onnx import onnx_export
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.learning.quantizing import (
    int8_load,
    int8_tensors,
    tensors_bytes,
    trade_measure,
)
from safetensors.torch import save_file
from torch import Tensor, nn

from modelmill_image_classification.config import ClassifierConfig
from modelmill_image_classification.examples import Examples
from modelmill_image_classification.heldout import heldout_logits
from modelmill_image_classification.models import Eyes
from modelmill_image_classification.small import planar

ONNX_FILE = "model.onnx"
INT8_FILE = "model-int8.safetensors"
_MEASURED_ROWS = 2_000


def exports_write(
    run: TrainRun, network: nn.Module, config: ClassifierConfig, *, held: Examples
) -> None:
    """Write the files that were asked for into the model's folder, and report what they cost."""
    if not (run.params.export_onnx or run.params.export_int8):
        return
    plain = copy.deepcopy(network).cpu().eval()
    eyes = Eyes(config)
    example = _example(held, eyes)
    if run.params.export_onnx:
        difference = onnx_export(
            planar(copy.deepcopy(plain)),
            (example.contiguous(),),
            run.model_dir / ONNX_FILE,
            inputs=("pictures",),
            outputs=("logits",),
        )
        run.report(onnx_largest_difference=difference)
    if run.params.export_int8:
        _int8(run, plain, eyes, example=example, held=held)


def _example(held: Examples, eyes: Eyes) -> Tensor:
    """A batch of two pictures, ``(2, C, H, W)``."""
    rows = np.resize(held.rows, 2) if len(held) else np.zeros(2, dtype=np.int64)
    pictures: Tensor = eyes(torch.from_numpy(held.pixels[rows]))
    return pictures


def _int8(run: TrainRun, plain: nn.Module, eyes: Eyes, *, example: Tensor, held: Examples) -> None:
    tensors = int8_tensors(plain)
    save_file(tensors, run.model_dir / INT8_FILE)
    whole = tensors_bytes(dict(plain.state_dict()))
    quick = int8_load(copy.deepcopy(plain), tensors)
    some = Examples(pixels=held.pixels, labels=held.labels, rows=held.rows[:_MEASURED_ROWS])

    def accuracy(network: nn.Module) -> float:
        exact = Precision("cpu", is_half=False)
        logits = heldout_logits(network, eyes, some, device="cpu", precision=exact)
        return float((logits.argmax(axis=1) == some.row_labels).mean())

    def answer(network: nn.Module) -> object:
        with torch.no_grad():
            return network(example)

    trade = trade_measure(
        plain, quick, run=answer, score=accuracy, size_ratio=tensors_bytes(tensors) / whole
    )
    run.report(**trade.metrics("int8"))
