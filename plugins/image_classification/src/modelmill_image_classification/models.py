"""A model as files, and as a network that is ready to answer.

Axes: B batch, C channels, H height, W width, K classes.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from modelmill_image_classification.borrowed import BorrowedNetwork, borrowed_load
from modelmill_image_classification.config import WEIGHTS_FILE, ClassifierConfig
from modelmill_image_classification.small import SmallNetwork, channels_last


class Eyes(nn.Module):
    """Bytes to what a network expects: ``(B, H, W, C)`` in 0 … 255 to ``(B, C, H, W)``."""

    def __init__(self, config: ClassifierConfig) -> None:
        """Take the mean and the deviation from the configuration."""
        super().__init__()
        mean = torch.tensor(config.mean)[:, None, None]  # (C, 1, 1)
        deviation = torch.tensor(config.deviation)[:, None, None]  # (C, 1, 1)
        self.register_buffer("scale", 1 / (255 * deviation), persistent=False)
        self.register_buffer("shift", mean / deviation, persistent=False)
        self.scale: Tensor
        self.shift: Tensor

    def forward(self, pixels: Tensor) -> Tensor:
        """Give the pictures; the mean of the data becomes 0, its deviation 1."""
        # A permuted tensor is channels-last in memory, as convolutions like it.
        return pixels.permute(0, 3, 1, 2).float() * self.scale - self.shift  # (B, C, H, W)


@dataclass(frozen=True)
class Classifier:
    """A finished model."""

    config: ClassifierConfig
    network: nn.Module
    eyes: Eyes
    device: str

    @torch.no_grad()
    def logits(self, pixels: Tensor) -> Tensor:
        """Give ``(B, K)``, calibrated, for bytes ``(B, H, W, C)``.

        On a CPU one picture at a time: a library may sum in another order for another batch size,
        and a picture has to get the same answer whoever else's is in the batch.
        """
        seen = self.eyes(pixels.to(self.device))  # (B, C, H, W)
        size = 1 if torch.device(self.device).type == "cpu" else len(seen)
        rows = [self.network(part) for part in seen.split(size)]
        return torch.cat(rows).float().cpu() / self.config.temperature  # (B, K)


def model_save(network: nn.Module, config: ClassifierConfig, folder: Path) -> None:
    """Write a finished network as safetensors and JSON."""
    config.write(folder)
    if isinstance(network, BorrowedNetwork):
        names = dict(enumerate(config.labels))
        network.model.config.id2label = names
        network.model.config.label2id = {name: number for number, name in names.items()}
        network.model.save_pretrained(folder)
        return
    tensors = {name: value.contiguous().cpu() for name, value in network.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_FILE)


def model_load(folder: Path, device: str) -> Classifier:
    """Read what ``model_save`` wrote, ready to answer."""
    config = ClassifierConfig.read(folder)
    network: nn.Module
    if config.family == "borrowed":
        network = borrowed_load(folder)
    else:
        network = SmallNetwork(config)
        network.load_state_dict(load_file(folder / WEIGHTS_FILE))
    network = channels_last(network).to(device).eval().requires_grad_(False)
    return Classifier(config, network, Eyes(config).to(device), device)
