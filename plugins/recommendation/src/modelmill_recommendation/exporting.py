"""The network as an ONNX file, for use without the platform."""

import torch
from modelmill_sdk import TrainRun
from modelmill_sdk.learning.onnx import onnx_export
from torch import Tensor, nn

from modelmill_recommendation.models import Recommender
from modelmill_recommendation.network import SasRec
from modelmill_recommendation.params import SASREC

ONNX_FILE = "sasrec.onnx"


def onnx_write(run: TrainRun, model: Recommender) -> None:
    """Write ``sasrec.onnx`` if the network is what answers, and report how far it differs.

    It takes ``history``, item numbers from 1 with 0 before the first, as long as the parameter
    ``history`` says, and gives ``scores`` of all items.
    """
    if model.served != SASREC:
        run.log(f"{model.served} answers, which is no network: there is no ONNX file.")
        return
    # A fresh network: exporting takes it to the CPU, and the model's own may be elsewhere.
    network = SasRec(model.network.network.config)
    network.load_state_dict(model.network.network.state_dict())
    example = torch.zeros(2, network.config.length, dtype=torch.int64)
    example[:, -3:] = torch.tensor([[1, 2, 3], [3, 2, 1]])
    path = run.model_dir / ONNX_FILE
    difference = onnx_export(
        _NextScores(network), (example,), path, inputs=("history",), outputs=("scores",)
    )
    run.report(onnx_difference=difference, onnx_size_bytes=path.stat().st_size)


class _NextScores(nn.Module):
    def __init__(self, network: SasRec) -> None:
        super().__init__()
        self.network = network

    def forward(self, history: Tensor) -> Tensor:
        return self.network.next_scores(history)
