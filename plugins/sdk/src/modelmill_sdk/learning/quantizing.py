"""int8 weights for the CPU, with size, speed and loss of quality measured.

Linear layers get weights of one byte each, with a scale for each output; activations are quantized
as they come (dynamic quantization, as in FBGEMM). The rest of a network stays as it is.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_LEVELS = 127


@dataclass(frozen=True, kw_only=True)
class Trade:
    """What a smaller network costs and gains; ratios are new over old."""

    size_ratio: float
    speed_ratio: float
    score_before: float
    score_after: float

    def metrics(self, prefix: str) -> dict[str, float]:
        """Give the figures as metrics to report."""
        return {
            f"{prefix}_size_ratio": self.size_ratio,
            f"{prefix}_speed_ratio": self.speed_ratio,
            f"{prefix}_score_change": self.score_after - self.score_before,
        }


def int8_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Give the tensors to store: int8 weights and float scales for linear layers, the rest as is.

    A scale is named ``<layer>.weight_scale``, one for each output. ``int8_load`` takes them back.
    """
    tensors = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    for name, layer in _linears(network):
        rows, scale = int8_rows(layer.weight.detach().cpu())
        tensors[f"{name}.weight"], tensors[f"{name}.weight_scale"] = rows, scale
    return {name: value.contiguous() for name, value in tensors.items()}


def int8_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Give a weight ``(out, in)`` as int8, and the float ``(out,)`` that each row is times."""
    weight = weight.float()
    scale = weight.abs().amax(dim=1).clamp_min(1e-12) / _LEVELS  # (out,)
    return (weight / scale[:, None]).round().to(torch.int8), scale


def int8_load(network: nn.Module, tensors: dict[str, Tensor]) -> nn.Module:
    """Give the network its stored tensors, with linear layers that compute in int8.

    On a device other than the CPU call ``int8_dequantized`` instead. Changes the network.
    """
    quantized = _linears(network)
    mine = {f"{name}.{part}" for name, _ in quantized for part in ("weight", "weight_scale")}
    network.load_state_dict({k: v for k, v in tensors.items() if k not in mine}, strict=False)
    for name, layer in quantized:
        weight, scale = tensors[f"{name}.weight"], tensors[f"{name}.weight_scale"]
        bias = tensors.get(f"{name}.bias")
        owner, _, last = name.rpartition(".")
        quick = _Int8Linear(weight, scale, bias, features=(layer.in_features, layer.out_features))
        setattr(network.get_submodule(owner), last, quick)
    return network.eval()


def int8_dequantized(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give stored tensors as floats again, for ``load_state_dict``."""
    floats = {k: v for k, v in tensors.items() if not k.endswith(".weight_scale")}
    for name, scale in tensors.items():
        if name.endswith(".weight_scale"):
            weight = name.removesuffix("_scale")
            floats[weight] = tensors[weight].float() * scale[:, None]
    return floats


@torch.no_grad()
def trade_measure(
    before: nn.Module,
    after: nn.Module,
    *,
    run: Callable[[nn.Module], object],
    score: Callable[[nn.Module], float],
    size_ratio: float,
    span_s: float = 0.5,
) -> Trade:
    """Measure two networks side by side: ``run`` is timed, ``score`` is on held-out rows."""
    pace = {id(network): _pace(run, network, span_s) for network in (before, after)}
    return Trade(
        size_ratio=size_ratio,
        speed_ratio=pace[id(after)] / pace[id(before)],
        score_before=score(before),
        score_after=score(after),
    )


def tensors_bytes(tensors: dict[str, Tensor]) -> int:
    """Give the size of stored tensors in bytes."""
    return sum(value.numel() * value.element_size() for value in tensors.values())


class _Int8Linear(nn.Module):
    """A linear layer ``(*, in) -> (*, out)`` on the CPU's int8 kernels."""

    def __init__(
        self, weight: Tensor, scale: Tensor, bias: Tensor | None, *, features: tuple[int, int]
    ) -> None:
        super().__init__()
        with warnings.catch_warnings():
            # Its successor is a package of its own; the kernels are the same.
            warnings.simplefilter("ignore")
            from torch.ao.nn.quantized.dynamic import Linear

            self.layer = Linear(*features, bias_=bias is not None)  # type: ignore[no-untyped-call]
        zeros = torch.zeros(len(scale), dtype=torch.int64)
        packed = torch._make_per_channel_quantized_tensor(weight, scale.double(), zeros, 0)
        self.layer.set_weight_bias(packed, bias)  # type: ignore[no-untyped-call]

    def forward(self, values: Tensor) -> Tensor:
        out: Tensor = self.layer(values)
        return out


def _linears(network: nn.Module) -> list[tuple[str, nn.Linear]]:
    return [(name, layer) for name, layer in network.named_modules() if type(layer) is nn.Linear]


def _pace(run: Callable[[nn.Module], object], network: nn.Module, span_s: float) -> float:
    run(network)
    began, count = time.perf_counter(), 0
    while (passed_s := time.perf_counter() - began) < span_s or not count:
        run(network)
        count += 1
    return count / max(passed_s, 1e-9)
