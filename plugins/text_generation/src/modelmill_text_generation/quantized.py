"""A frozen base in one byte a weight, for adapters to learn on: QLoRA's idea with plain int8.

Each linear layer keeps int8 weights with a scale for each output, and makes floats of them for the
moment of a product, forwards and again backwards, on any device. QLoRA: arXiv 2305.14314.
"""

from typing import Any

import torch
from modelmill_sdk.learning.quantizing import int8_rows
from torch import Tensor, nn
from torch.nn import functional as F


class Int8Linear(nn.Linear):
    """A frozen linear layer ``(*, in) -> (*, out)`` with int8 weights."""

    scale: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        """Take a layer's weights over, rounded."""
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        weight, scale = int8_rows(layer.weight.detach())
        self.weight = nn.Parameter(weight, requires_grad=False)  # (out, in)
        self.register_buffer("scale", scale)  # (out,)
        bias = layer.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, input: Tensor) -> Tensor:
        """Give the product in the precision that autocast asks for."""
        kind = input.device.type
        if torch.is_autocast_enabled(kind):
            input = input.to(torch.get_autocast_dtype(kind))
        out: Tensor = _Product.apply(input, self.weight, self.scale)  # type: ignore[no-untyped-call]
        return out if self.bias is None else out + self.bias.to(out.dtype)

    def floats(self) -> nn.Linear:
        """Give a plain layer with what the int8 weights stand for."""
        plain = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        plain.weight = nn.Parameter(_floats(self.weight, self.scale, torch.float32))
        plain.bias = self.bias
        return plain


def quantize_base(model: Any) -> None:
    """Make every linear layer of a model int8, but for its output, which may be tied."""
    output = model.get_output_embeddings()
    for owner, name, layer in _linears(model, nn.Linear):
        if layer is not output:
            setattr(owner, name, Int8Linear(layer))
    # What came in half precision and stays: norms and embeddings.
    model.float()


def dequantize_base(model: nn.Module) -> None:
    """Make floats of every int8 layer again, for adapters to be merged into."""
    for owner, name, layer in _linears(model, Int8Linear):
        setattr(owner, name, layer.floats())


def frozen_bytes(model: nn.Module) -> int:
    """Give the size of what does not learn."""
    kept = [*(param for param in model.parameters() if not param.requires_grad), *model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in kept)


class _Product(torch.autograd.Function):
    """Values times weights, remembering the int8 weights alone for the way back."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(weight, scale)
        return F.linear(values, _floats(weight, scale, values.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        [gradient] = gradients
        weight, scale = ctx.saved_tensors
        return gradient @ _floats(weight, scale, gradient.dtype), None, None


def _floats(weight: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    return weight.to(dtype) * scale[:, None].to(dtype)


def _linears(model: nn.Module, kind: type[nn.Linear]) -> list[tuple[nn.Module, str, Any]]:
    return [
        (owner, name, layer)
        for owner in model.modules()
        for name, layer in owner.named_children()
        if type(layer) is kind
    ]
