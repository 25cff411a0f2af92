"""A finished model once more in int8, with what that costs and gains measured."""

import copy
from pathlib import Path
from typing import Any

import torch
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.learning.quantizing import (
    Trade,
    int8_load,
    int8_tensors,
    tensors_bytes,
    trade_measure,
)
from safetensors.torch import load_file, save_file
from torch import nn

from modelmill_text_generation.batches import Source
from modelmill_text_generation.heldout import heldout_loss

INT8 = "int8.safetensors"
_SCORED_TOKENS = 8_192
# Worth writing from: noticeably faster, and a perplexity that nobody notices.
_FASTER = 1.1
_AS_GOOD = 1.01


def export_int8(folder: Path, model: Any, source: Source) -> Trade:
    """Write ``int8.safetensors`` into a folder, and measure it on the CPU against the floats.

    Speed is that of reading a token, with no past; the scores are perplexities.
    """
    model = model.cpu().eval()
    tensors = int8_tensors(model)
    save_file(tensors, folder / INT8)
    small = int8_load(copy.deepcopy(model), tensors)
    token = torch.zeros((1, 1), dtype=torch.long)
    return trade_measure(
        model,
        small,
        run=lambda network: network(input_ids=token, use_cache=False),
        score=lambda network: _perplexity(network, source),
        size_ratio=tensors_bytes(tensors) / _bytes(model),
    )


def is_worth_it(trade: Trade) -> bool:
    """Say whether to write from int8 on a CPU."""
    return trade.speed_ratio >= _FASTER and trade.score_after <= _AS_GOOD * trade.score_before


def load_int8(model: nn.Module, folder: Path) -> None:
    """Give a model on the CPU the int8 weights that a folder holds."""
    int8_load(model, load_file(folder / INT8))


def _perplexity(network: nn.Module, source: Source) -> float:
    full = Precision("cpu", is_half=False)
    loss = heldout_loss(network, source, max_tokens=_SCORED_TOKENS, precision=full)
    return float(torch.tensor(loss).clamp_max(100).exp())


def _bytes(model: nn.Module) -> int:
    # Tied weights are one parameter.
    return sum(param.numel() * param.element_size() for param in model.parameters())
