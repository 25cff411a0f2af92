"""A small network for rows: numbers evened out, gaps flagged, categories as vectors.

After Gorishniy et al., "Revisiting deep learning models for tabular data", NeurIPS 2021 (residual
blocks, numbers transformed by quantiles).
Axes: N rows, M numbers, C categories, D width, K outputs.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from modelmill_tabular.encoding import Encoded, Encoder
from modelmill_tabular.tables import Floats
from modelmill_tabular.targets import Target

_MOST_VECTOR = 32


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The shape of a network."""

    numbers: int
    code_counts: list[int]
    outputs: int
    width: int
    blocks: int
    dropout: float


class RowNetwork(nn.Module):
    """Reads ``(N, 2M)`` numbers and flags and ``(N, C)`` codes; gives scores ``(N, K)``."""

    def __init__(self, config: NetworkConfig) -> None:
        """Begin with weights from torch's generator, and a head that says nothing."""
        super().__init__()
        self.config = config
        sizes = [min(_MOST_VECTOR, (count + 1) // 2) for count in config.code_counts]
        self.vectors = nn.ModuleList(
            nn.Embedding(count, size) for count, size in zip(config.code_counts, sizes, strict=True)
        )
        self.inside = nn.Linear(2 * config.numbers + sum(sizes), config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.outputs)
        nn.init.zeros_(self.head.weight)

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Give the scores of each row."""
        vectors = [table(codes[:, place]) for place, table in enumerate(self.vectors)]
        x = self.inside(torch.cat([numbers, *vectors], dim=1))  # (N, D)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(torch.relu(self.norm(x)))
        return out


class _Block(nn.Module):
    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(2 * width, width),
            nn.Dropout(config.dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


def network_make(config: NetworkConfig, target: Target) -> RowNetwork:
    """Make a network that begins at what is known of no row in particular."""
    network = RowNetwork(config)
    with torch.no_grad():
        network.head.bias.copy_(torch.from_numpy(target.base).float())
    return network


def network_inputs(encoder: Encoder, rows: Encoded, *, device: str) -> tuple[Tensor, Tensor]:
    """Give what the network reads: numbers with flags for gaps, and codes."""
    gaps = np.isnan(rows.numbers).astype(np.float64)
    numbers = np.concatenate((encoder.evened(rows), gaps), axis=1).astype(np.float32)
    return torch.from_numpy(numbers).to(device), torch.from_numpy(rows.codes).to(device)


@torch.inference_mode()
def network_scores(
    network: RowNetwork, inputs: tuple[Tensor, Tensor], *, at_once: int = 4_096
) -> Floats:
    """Score rows ``at_once`` at a time, ``(N, K)``; 1 gives each row bits that no other changes."""
    was_training = network.training
    network.eval()
    numbers, codes = (torch.split(tensor, at_once) for tensor in inputs)
    found = torch.cat([network(*part) for part in zip(numbers, codes, strict=True)])
    network.train(was_training)
    return found.double().cpu().numpy()
