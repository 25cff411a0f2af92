"""Other forms of a finished network: ONNX, and int8 weights, each with what it costs.

Axes: B texts, T tokens, K classes.
"""

import copy
import warnings
from typing import Any

import numpy as np
from modelmill_sdk import PluginError, TrainRun

from modelmill_text_classification.examples import Examples
from modelmill_text_classification.models import LINEAR, Classifier

ONNX_FILE = "model.onnx"
INT8_FILE = "model-int8.safetensors"
_MEASURED_ROWS = 300
_TOKENS = 32


def exports_write(run: TrainRun, classifier: Classifier, *, held: Examples) -> None:
    """Write what was asked for into ``run.model_dir``, and report what it gains and costs."""
    params = run.params
    if not (params.export_onnx or params.export_int8):
        return
    if classifier.config.method in LINEAR:
        run.log("The linear model is small and quick as it is; it has no ONNX or int8 form.")
        return
    if params.export_onnx:
        _onnx(run, classifier)
    if params.export_int8 and len(held):
        _int8(run, classifier, held.some(np.arange(min(len(held), _MEASURED_ROWS))))


def _onnx(run: TrainRun, classifier: Classifier) -> None:
    """Write logits (before the temperature) for ``(B, 32)`` tokens, filled up with the pad."""
    import torch
    from modelmill_sdk.learning.onnx import onnx_export

    model: Any = classifier.model
    network = copy.deepcopy(model.network).cpu().eval()
    example = torch.randint(1, 50, (3, _TOKENS), generator=torch.Generator().manual_seed(0))
    example[0, _TOKENS // 2 :] = model.reader.pad_id
    path = run.model_dir / ONNX_FILE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            difference = onnx_export(
                network, (example,), path, inputs=("ids",), outputs=("logits",)
            )
    except (PluginError, RuntimeError, torch.onnx.OnnxExporterError) as error:
        path.unlink(missing_ok=True)
        run.log(f"There is no ONNX file: {error}"[:500])
        return
    run.report(onnx_difference=difference, onnx_size_bytes=path.stat().st_size)


def _int8(run: TrainRun, classifier: Classifier, some: Examples) -> None:
    from modelmill_sdk.learning.quantizing import (
        int8_load,
        int8_tensors,
        tensors_bytes,
        trade_measure,
    )
    from safetensors.torch import save_file

    from modelmill_text_classification.neural import NeuralModel
    from modelmill_text_classification.readers import batch_make

    model: Any = classifier.model
    plain = copy.deepcopy(model.network).cpu().eval()
    tensors = int8_tensors(plain)
    save_file(tensors, run.model_dir / INT8_FILE)
    quick = int8_load(copy.deepcopy(plain), tensors)
    rows = [model.reader.ids(text) for text in some.texts]
    example = batch_make(rows[:32], pad_id=model.reader.pad_id)

    def accuracy(network: Any) -> float:
        whole = NeuralModel(network=network, reader=model.reader, shape=model.shape)
        return float((whole.logits_of(rows).argmax(axis=1) == some.labels).mean())

    trade = trade_measure(
        plain,
        quick,
        run=lambda network: network(example),
        score=accuracy,
        size_ratio=tensors_bytes(tensors) / tensors_bytes(dict(plain.state_dict())),
    )
    run.report(**trade.metrics("int8"))
