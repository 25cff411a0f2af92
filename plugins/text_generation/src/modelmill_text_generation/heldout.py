"""The loss on text that the model has not learned from."""

import math

import torch
from modelmill_sdk.learning.precision import Precision
from torch import nn

from modelmill_text_generation.batches import Source
from modelmill_text_generation.corpus import Reading
from modelmill_text_generation.networks import loss_sum


@torch.inference_mode()
def heldout_loss(
    model: nn.Module, source: Source, *, max_tokens: int, precision: Precision
) -> float:
    """Give the mean loss in nats a learned token, over at most ``max_tokens`` spread evenly.

    The same stretches every time, so two measurements differ by the model alone.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    total, count = torch.zeros((), device=device), 0
    for batch in source.spread(max_tokens):
        total += loss_sum(model, batch.to(device), precision)
        count += batch.target_count
    model.train(was_training)
    return float(total) / max(count, 1)


def heldout_metrics(loss: float, heldout: Reading) -> dict[str, float]:
    """Give what a loss means: per token, and per character and byte, whatever the tokenizer."""
    bits = loss / math.log(2) * heldout.learned_count
    return {
        "heldout_loss": loss,
        "perplexity": math.exp(min(loss, 100.0)),
        "bits_per_character": bits / max(heldout.chars, 1),
        "bits_per_byte": bits / max(heldout.bytes, 1),
    }
