"""A checkpoint of networks and optimizers as safetensors and JSON, no pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_TENSORS = "state.safetensors"
_FACTS = "state.json"


def state_save(
    folder: Path,
    *,
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    tensors: Mapping[str, Tensor] | None = None,
    facts: Mapping[str, Any],
) -> None:
    """Write everything that the steps to come depend on into an empty folder.

    ``tensors`` are loose ones, such as the best weights; ``facts`` are JSON, such as the step. Draw
    random numbers from a generator seeded by seed and step, and there is nothing else to keep.
    """
    every = {f"tensor/{name}": tensor for name, tensor in (tensors or {}).items()}
    for name, network in networks.items():
        every |= {f"network/{name}/{key}": value for key, value in network.state_dict().items()}
    for name, optimizer in optimizers.items():
        for param, entries in optimizer.state_dict()["state"].items():
            for key, value in entries.items():
                every[f"optimizer/{name}/{param}/{key}"] = torch.as_tensor(value)
    # A copy of each: safetensors refuses two names for one memory, which tied weights are.
    copies = {key: value.detach().to("cpu", copy=True) for key, value in every.items()}
    save_file({key: value.contiguous() for key, value in copies.items()}, folder / _TENSORS)
    (folder / _FACTS).write_text(json.dumps(dict(facts)), encoding="utf-8")


def state_restore(
    folder: Path,
    *,
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Put a checkpoint into fresh networks and optimizers; give its facts and loose tensors."""
    every = load_file(folder / _TENSORS)
    for name, network in networks.items():
        prefix = f"network/{name}/"
        # In place, because the memory layout decides how sums are rounded.
        network.load_state_dict(_under(every, prefix))
    for name, optimizer in optimizers.items():
        _optimizer_restore(optimizer, _under(every, f"optimizer/{name}/"))
    return facts_read(folder), _under(every, "tensor/")


def facts_read(folder: Path) -> dict[str, Any]:
    """Read a checkpoint's facts alone: what has to be known to make networks of the same shape."""
    facts: dict[str, Any] = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
    return facts


def _optimizer_restore(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        param, _, entry = key.partition("/")
        state.setdefault(int(param), {})[entry] = value
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for index, entries in state.items():
        for entry, value in entries.items():
            if value.shape == weights[index].shape:
                laid_out = torch.empty_like(weights[index], memory_format=torch.preserve_format)
                entries[entry] = laid_out.copy_(value)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
