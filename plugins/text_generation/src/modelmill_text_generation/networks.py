"""A new model: a small Qwen3, which is a GPT with RoPE, QK-norm, RMSNorm and SwiGLU.

It is a stock ``transformers`` architecture, so the folder opens anywhere.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The shape of a new model."""

    layers: int
    width: int
    heads: int

    @property
    def inner(self) -> int:
        """The width of the SwiGLU layer: 8/3 of the width, so its three matrices match a plain
        four-fold layer, in multiples of 32.
        """
        return math.ceil(self.width * 8 / 3 / 32) * 32


SHAPES = {
    "tiny": Shape(layers=4, width=192, heads=3),
    "small": Shape(layers=6, width=320, heads=5),
    "medium": Shape(layers=12, width=512, heads=8),
}


def new_model(shape: Shape, *, vocabulary: int, context: int, end_id: int) -> PreTrainedModel:
    """Make a model with random weights from torch's generator, its branches silent at first."""
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=vocabulary,
            hidden_size=shape.width,
            intermediate_size=shape.inner,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            head_dim=shape.width // shape.heads,
            max_position_embeddings=context,
            tie_word_embeddings=True,
            bos_token_id=end_id,
            eos_token_id=end_id,
            pad_token_id=end_id,
        )
    )
    for name, param in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            # Each block starts as the identity, as in modded-nanogpt: a faster first descent.
            nn.init.zeros_(param)
    return model


def add_dropout(model: nn.Module, share: float) -> None:
    """Drop activations after the embedding and each branch, while training only.

    By hooks, since the architecture has no such setting of its own and the saved folder must not
    know of it.
    """

    def drop(module: nn.Module, args: object, output: Tensor) -> Tensor:
        return F.dropout(output, share, training=module.training)

    if share:
        for name, module in model.named_modules():
            if name.endswith(("o_proj", "down_proj", "embed_tokens")):
                module.register_forward_hook(drop)


def next_token_loss(model: nn.Module, window: Tensor, *, autocast: bool) -> Tensor:
    """Give the mean cross-entropy, in nats a token, over ``(B, T + 1)`` tokens."""
    with torch.autocast(window.device.type, torch.bfloat16, enabled=autocast):
        logits = model(input_ids=window[:, :-1], use_cache=False).logits  # (B, T, V)
    return F.cross_entropy(logits.float().flatten(0, 1), window[:, 1:].flatten())
