"""A new model: a small Qwen3, which is a GPT with RoPE, QK-norm, RMSNorm and SwiGLU.

It is a stock ``transformers`` architecture, so the folder opens anywhere.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from modelmill_sdk.learning.precision import Precision
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GenerationConfig,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.initialization import no_init_weights
from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention

from modelmill_text_generation.batches import UNLEARNED, Batch

# What ``save_pretrained`` calls them.
_WEIGHTS_FILE, _GENERATION_FILE = "model.safetensors", "generation_config.json"


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
    "large": Shape(layers=16, width=768, heads=12),
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


def saved_model(folder: Path, *, dtype: torch.dtype) -> PreTrainedModel:
    """Open a folder of ``transformers``: no download, no pickle, no code from it."""
    known = _new_model_saved(folder, dtype=dtype)
    if known is not None:
        return known
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=dtype
    )
    return model


def _new_model_saved(folder: Path, *, dtype: torch.dtype) -> PreTrainedModel | None:
    """Open a model as `new_model` makes them; None if another kind is in the folder.

    The names in its file are the network's own. ``from_pretrained`` tries each against the renaming
    of older files, three quarters of the time that opening a small model takes.
    """
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    is_whole = all((folder / name).exists() for name in (_WEIGHTS_FILE, _GENERATION_FILE))
    if not (isinstance(config, Qwen3Config) and config.tie_word_embeddings and is_whole):
        return None
    with no_init_weights():
        model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            config, dtype=dtype
        )
    saved = load_file(folder / _WEIGHTS_FILE)
    tensors = {name: tensor.to(dtype) for name, tensor in saved.items()}
    missing, unknown = model.load_state_dict(tensors, strict=False, assign=True)
    if unknown or missing != ["lm_head.weight"]:
        return None
    model.tie_weights()
    model.generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)
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


def add_attention_dropout(model: nn.Module, share: float) -> None:
    """Drop places that are looked at, while training only; the saved folder does not know of it."""
    for module in model.modules():
        if isinstance(module, Qwen3Attention):
            module.attention_dropout = share


def loss_sum(model: nn.Module, batch: Batch, precision: Precision) -> Tensor:
    """Give the summed cross-entropy, in nats, over the learned tokens of a batch."""
    # Positions that begin anew are all that ``transformers`` needs to keep examples apart.
    positions = {} if batch.positions is None else {"position_ids": batch.positions}
    with precision.autocast():
        logits = model(input_ids=batch.inputs, use_cache=False, **positions).logits  # (B, T, V)
    return F.cross_entropy(
        logits.float().flatten(0, 1),
        batch.targets.flatten(),
        ignore_index=UNLEARNED,
        reduction="sum",
    )


@torch.inference_mode()
def keeps_apart(model: nn.Module) -> bool:
    """Try whether positions that begin anew hide one example from the next in this model."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    ids = torch.arange(4, 12, device=device)[None] % _vocabulary(model)  # (1, T)
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]], device=device)
    try:
        side_by_side = model(input_ids=ids, position_ids=positions, use_cache=False).logits[:, 4:]
        alone = model(input_ids=ids[:, 4:], use_cache=False).logits
    except TypeError:
        return False
    finally:
        model.train(was_training)
    return torch.allclose(side_by_side, alone, rtol=1e-3, atol=1e-3)


def _vocabulary(model: nn.Module) -> int:
    return int(model.config.get_text_config().vocab_size)  # type: ignore[union-attr, operator]
