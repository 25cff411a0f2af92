"""Everything needed to go on after a step, as safetensors and JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_STATE = "state.json"
_WEIGHTS = "weights.safetensors"
_BEST = "best.safetensors"
_OPTIMIZER = "optimizer.safetensors"
TOKENIZER = "tokenizer"

Weights = dict[str, Tensor]


@dataclass(kw_only=True)
class State:
    """Where a training stands, but for its tensors."""

    plan: dict[str, Any]
    step: int = 0
    best_loss: float | None = None
    best_step: int = 0
    worse_in_a_row: int = 0
    # None until it is measured, and in checkpoints of releases that did not keep it.
    is_half: bool | None = None
    best: Weights = field(default_factory=dict, repr=False)


def learned_weights(model: nn.Module) -> Weights:
    """Copy the weights that are being learned to the CPU; an adapter leaves out its base."""
    return {
        name: param.detach().to("cpu", copy=True).contiguous()
        for name, param in model.named_parameters()
        if param.requires_grad
    }


@torch.no_grad()
def restore_weights(model: nn.Module, weights: Weights) -> None:
    """Put learned weights back, each in its place."""
    params = dict(model.named_parameters())
    for name, tensor in weights.items():
        params[name].copy_(tensor)


def save_checkpoint(
    folder: Path,
    state: State,
    *,
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    tokenizer: Any,
) -> None:
    """Write the whole training into an empty folder."""
    save_file(learned_weights(model), folder / _WEIGHTS)
    if state.best:
        save_file(state.best, folder / _BEST)
    save_file(_optimizer_tensors(optimizers), folder / _OPTIMIZER)
    tokenizer.save_pretrained(folder / TOKENIZER, save_jinja_files=False)
    described = {key: value for key, value in asdict(state).items() if key != "best"}
    (folder / _STATE).write_text(json.dumps(described), encoding="utf-8")


def read_state(folder: Path) -> State:
    """Read where a checkpoint's training stood, with its best weights."""
    state = State(**json.loads((folder / _STATE).read_text(encoding="utf-8")))
    if (folder / _BEST).exists():
        state.best = load_file(folder / _BEST)
    return state


def restore_tensors(
    folder: Path, *, model: nn.Module, optimizers: list[torch.optim.Optimizer]
) -> None:
    """Put a checkpoint's weights and optimizer state back."""
    restore_weights(model, load_file(folder / _WEIGHTS))
    tensors = load_file(folder / _OPTIMIZER)
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            owner, param, name = key.split(".")
            if int(owner) == number:
                state.setdefault(int(param), {})[name] = tensor
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})


def _optimizer_tensors(optimizers: list[torch.optim.Optimizer]) -> Weights:
    return {
        f"{number}.{param}.{name}": tensor.detach().to("cpu", copy=True).contiguous()
        for number, optimizer in enumerate(optimizers)
        for param, entries in optimizer.state_dict()["state"].items()
        for name, tensor in entries.items()
    }
