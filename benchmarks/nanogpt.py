"""A peer: the GPT of nanoGPT's character settings, written anew from what is published of them.

Pre-norm transformer with learned positions, GELU, tied embeddings and no biases; AdamW, warm-up
and a cosine down to a tenth. Source: github.com/karpathy/nanoGPT, its README and
config/train_shakespeare_char.py.

Axes: B rows, T characters, C channels, V vocabulary.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.clocks import Clock
from benchmarks.language_text import Halves

_RATE, _LEAST_RATE = 1e-3, 1e-4
_MEASUREMENTS = 10
_MEASURED_BATCHES = 20


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A published setting; ``warmup`` is its share of all steps."""

    layers: int
    heads: int
    width: int
    context: int
    batch: int
    dropout: float
    warmup: float


CPU = Setting(layers=4, heads=4, width=128, context=64, batch=12, dropout=0.0, warmup=0.05)
GPU = Setting(layers=6, heads=6, width=384, context=256, batch=64, dropout=0.2, warmup=0.02)


class Block(nn.Module):
    """Attention, then a four-fold layer, each added to what came in."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        width, self.heads, self.dropout = setting.width, setting.heads, setting.dropout
        self.before = nn.LayerNorm(width, bias=False)
        self.attend = nn.Linear(width, 3 * width, bias=False)
        self.attend_out = nn.Linear(width, width, bias=False)
        self.between = nn.LayerNorm(width, bias=False)
        self.widen = nn.Linear(width, 4 * width, bias=False)
        self.widen_out = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Give ``(B, T, C)`` for ``(B, T, C)``."""
        drop = self.dropout if self.training else 0.0
        parts = self.attend(self.before(x)).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=drop)
        x = x + F.dropout(self.attend_out(seen.transpose(1, 2).flatten(2)), drop)
        return x + F.dropout(self.widen_out(F.gelu(self.widen(self.between(x)))), drop)


class NanoGpt(nn.Module):
    """Characters ``(B, T)`` to scores ``(B, T, V)``."""

    def __init__(self, setting: Setting, *, vocabulary: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(vocabulary, setting.width)
        self.places = nn.Embedding(setting.context, setting.width)
        self.blocks = nn.ModuleList(Block(setting) for _ in range(setting.layers))
        self.after = nn.LayerNorm(setting.width, bias=False)
        self.dropout = setting.dropout
        for name, param in self.named_parameters():
            if param.ndim == 2:
                deep = math.sqrt(2 * setting.layers) if name.endswith("_out.weight") else 1.0
                nn.init.normal_(param, std=0.02 / deep)

    def forward(self, characters: Tensor) -> Tensor:
        """Give the scores of the character after each."""
        x = self.characters(characters) + self.places.weight[: characters.size(1)]
        x = F.dropout(x, self.dropout, training=self.training)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.after(x), self.characters.weight)


def train_nanogpt(
    text: Halves, *, seconds: float, seed: int, device: str, setting: Setting
) -> tuple[float, int]:
    """Train for so many seconds; give the held-out nats a character and the steps it took.

    The weights that were best on a sample of the held-out text are the ones measured.
    """
    torch.manual_seed(seed)
    learned, heldout, vocabulary = _numbers(text)
    learned, heldout = learned.to(device), heldout.to(device)
    model = NanoGpt(setting, vocabulary=vocabulary).to(device)
    optimizer = _optimizer(model, device)
    best = (math.inf, dict(model.state_dict()))
    clock, steps, measured = Clock(device), 0, 0
    while (share := clock.passed_s / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = _rate(share, setting.warmup)
        starts = torch.randint(len(learned) - setting.context, (setting.batch,), device=device)
        loss = _loss(model, learned, starts, setting.context, device)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        steps += 1
        if device != "cpu" and steps % 50 == 0:
            torch.cuda.synchronize()
        if share * _MEASUREMENTS > measured + 1:
            measured += 1
            best = min(best, _measured(model, heldout, setting, device), key=lambda one: one[0])
    best = min(best, _measured(model, heldout, setting, device), key=lambda one: one[0])
    model.load_state_dict(best[1])
    return heldout_nats(model, heldout, setting, device), steps


@torch.no_grad()
def heldout_nats(model: nn.Module, heldout: Tensor, setting: Setting, device: str) -> float:
    """Give the mean loss a character over the whole held-out text."""
    model.eval()
    starts = torch.arange(0, len(heldout) - setting.context, setting.context, device=device)
    losses = [
        _loss(model, heldout, some, setting.context, device) * len(some)
        for some in starts.split(64)  # type: ignore[no-untyped-call]
    ]
    model.train()
    return float(torch.stack(losses).sum()) / len(starts)


def _measured(
    model: nn.Module, heldout: Tensor, setting: Setting, device: str
) -> tuple[float, dict[str, Tensor]]:
    most = _MEASURED_BATCHES * setting.batch * setting.context
    loss = heldout_nats(model, heldout[:most], setting, device)
    return loss, {name: value.clone() for name, value in model.state_dict().items()}


def _loss(model: nn.Module, numbers: Tensor, starts: Tensor, context: int, device: str) -> Tensor:
    places = starts[:, None] + torch.arange(context + 1, device=device)
    window = numbers[places]  # (B, T + 1)
    with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
        scores = model(window[:, :-1])
    return F.cross_entropy(scores.float().flatten(0, 1), window[:, 1:].flatten())


def _numbers(text: Halves) -> tuple[Tensor, Tensor, int]:
    known = {char: number for number, char in enumerate(sorted(set(text.learned + text.heldout)))}
    learned, heldout = (
        torch.tensor([known[char] for char in part]) for part in (text.learned, text.heldout)
    )
    return learned, heldout, len(known)


def _optimizer(model: nn.Module, device: str) -> torch.optim.Optimizer:
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    fused = device != "cpu" or None
    return torch.optim.AdamW(groups, lr=_RATE, betas=(0.9, 0.99), fused=fused)


def _rate(share: float, warmup: float) -> float:
    if share < warmup:
        return _RATE * max(share / warmup, 0.01)
    fallen = (1 + math.cos(math.pi * (share - warmup) / (1 - warmup))) / 2
    return _LEAST_RATE + fallen * (_RATE - _LEAST_RATE)
