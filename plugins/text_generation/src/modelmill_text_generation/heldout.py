"""The loss on text that the model has not learned from."""

import math

import torch
from torch import Tensor, nn

from modelmill_text_generation.corpus import Corpus
from modelmill_text_generation.networks import next_token_loss


@torch.inference_mode()
def heldout_loss(
    model: nn.Module, tokens: Tensor, *, context: int, batch: int, max_tokens: int, autocast: bool
) -> float:
    """Give the mean loss in nats a token, over at most ``max_tokens`` spread evenly.

    The same windows every time, so two measurements differ by the model alone.
    """
    device = next(model.parameters()).device
    context = min(context, len(tokens) - 1)
    starts = torch.arange(0, len(tokens) - context, context)
    wanted = max(1, min(len(starts), max_tokens // context))
    starts = starts[torch.linspace(0, len(starts) - 1, wanted).long()]
    was_training = model.training
    model.eval()
    total = 0.0
    for some in torch.split(starts, batch):
        window = torch.stack([tokens[start : start + context + 1] for start in some.tolist()])
        loss = next_token_loss(model, window.long().to(device), autocast=autocast)
        total += loss.item() * len(some)
    model.train(was_training)
    return total / wanted


def heldout_metrics(loss: float, corpus: Corpus) -> dict[str, float]:
    """Give what a loss means: per token, and per character and byte, whatever the tokenizer."""
    bits = loss / math.log(2) * len(corpus.heldout)
    return {
        "heldout_loss": loss,
        "perplexity": math.exp(min(loss, 100.0)),
        "bits_per_character": bits / max(corpus.heldout_chars, 1),
        "bits_per_byte": bits / max(corpus.heldout_bytes, 1),
    }
