"""SASRec: a transformer that reads a history and scores what comes next.

Kang and McAuley, "Self-attentive sequential recommendation", ICDM 2018. Normalized before each
branch, and every position scores all items, as Klenitskiy and Vasilev, "Turning dross into gold
loss", RecSys 2023, showed to be what it takes.
Axes: B histories, L positions, D width, H heads, I items.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class Config:
    """The shape of a network."""

    items: int
    length: int
    width: int
    blocks: int
    heads: int
    dropout: float


class SasRec(nn.Module):
    """Item 0 is no item: it fills the left of a history shorter than others of its batch."""

    def __init__(self, config: Config) -> None:
        """Begin with small random weights, drawn from torch's generator."""
        super().__init__()
        self.config = config
        self.item = nn.Embedding(config.items + 1, config.width)
        # Places are counted back from the newest item, so a short history looks like the end of
        # a long one.
        self.place = nn.Embedding(config.length, config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.bias = nn.Parameter(torch.zeros(config.items))
        self.drop = nn.Dropout(config.dropout)
        for table in (self.item, self.place):
            nn.init.normal_(table.weight, std=config.width**-0.5)

    def forward(self, history: Tensor) -> Tensor:
        """Read ``(B, L)`` item numbers from 1, 0 for none; give ``(B, L, D)``."""
        length = history.shape[1]
        places = torch.arange(length - 1, -1, -1, device=history.device)
        x = self.drop(self.item(history) + self.place(places))  # (B, L, D)
        causal = torch.ones(length, length, dtype=torch.bool, device=history.device).tril()
        itself = torch.eye(length, dtype=torch.bool, device=history.device)
        # A filler may look at itself: a row of attention without any key is no number.
        may_see = (causal & (history != 0)[:, None]) | itself  # (B, L, L)
        for block in self.blocks:
            x = block(x, may_see[:, None])
        out: Tensor = self.norm(x)
        return out

    def scores(self, read: Tensor) -> Tensor:
        """Give the logit of every item, ``(*, D) -> (*, I)``."""
        return F.linear(read, self.item.weight[1:], self.bias)

    def next_scores(self, history: Tensor) -> Tensor:
        """Give the logits of what comes after each history, ``(B, L) -> (B, I)``."""
        return self.scores(self(history)[:, -1])


class _Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        width = config.width
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, may_see: Tensor) -> Tensor:
        x = x + self.drop(self._attend(self.attention_norm(x), may_see))
        fed: Tensor = x + self.drop(self.feed(self.feed_norm(x)))
        return fed

    def _attend(self, x: Tensor, may_see: Tensor) -> Tensor:
        mixed = self.query_key_value(x).unflatten(-1, (3, self.heads, -1))  # (B, L, 3, H, D/H)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)  # (B, H, L, D/H) each
        dropout = self.dropout if self.training else 0.0
        read = F.scaled_dot_product_attention(
            query, key, value, attn_mask=may_see, dropout_p=dropout
        )
        out: Tensor = self.out(read.transpose(1, 2).flatten(2))  # (B, L, D)
        return out
