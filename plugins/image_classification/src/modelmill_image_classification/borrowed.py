"""Networks of ``transformers``: a ResNet, a vision transformer, or a base model's.

Axes: B batch, C channels, H height, W width, K classes.
"""

from pathlib import Path
from typing import Any

from modelmill_sdk import PluginError
from torch import Tensor, nn

from modelmill_image_classification.bases import Base
from modelmill_image_classification.config import ClassifierConfig

# Sides of a patch that leave 49 to 196 of them.
_PATCHES = {28: 4, 32: 4, 48: 6, 64: 8, 96: 8, 128: 16, 160: 16, 192: 16, 224: 16}


class BorrowedNetwork(nn.Module):
    """A classifier of ``transformers`` that takes pictures and gives logits."""

    def __init__(self, model: Any) -> None:
        """Wrap ``model``, a PreTrainedModel for image classification."""
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor) -> Tensor:
        """Give logits ``(B, K)`` for pictures ``(B, C, H, W)``."""
        logits: Tensor = self.model(pixel_values=pictures).logits  # (B, K)
        return logits

    @property
    def mapped(self) -> nn.Module | None:
        """The last layer that keeps a map of the picture; None where there is none."""
        encoder = getattr(getattr(self.model, "resnet", None), "encoder", None)
        if encoder is None:
            return None
        layer: nn.Module = encoder.stages[-2]
        return layer


def resnet_new(config: ClassifierConfig) -> BorrowedNetwork:
    """Build a ResNet of 18 layers with random weights (He et al., CVPR 2016)."""
    from transformers import ResNetConfig, ResNetForImageClassification

    width = config.width
    shape = ResNetConfig(
        num_channels=config.channels,
        embedding_size=width,
        hidden_sizes=[width, 2 * width, 4 * width, 8 * width],
        depths=[2, 2, 2, 2],
        layer_type="basic",
    )
    shape.num_labels = len(config.labels)
    return BorrowedNetwork(ResNetForImageClassification(shape))


def vit_new(config: ClassifierConfig) -> BorrowedNetwork:
    """Build a small vision transformer with random weights (Dosovitskiy et al., ICLR 2021)."""
    from transformers import ViTConfig, ViTForImageClassification

    shape = ViTConfig(
        image_size=config.resolution,
        patch_size=_PATCHES[config.resolution],
        num_channels=config.channels,
        hidden_size=config.width,
        intermediate_size=4 * config.width,
        num_hidden_layers=6,
        num_attention_heads=_heads(config.width),
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    shape.num_labels = len(config.labels)
    return BorrowedNetwork(ViTForImageClassification(shape))


def base_new(base: Base, config: ClassifierConfig) -> BorrowedNetwork:
    """Load a base model with a new last layer: no download, no pickle, no code of the folder's."""
    names = dict(enumerate(config.labels))
    return _opened(base.folder, id2label=names, ignore_mismatched_sizes=True)


def borrowed_load(folder: Path) -> BorrowedNetwork:
    """Open a finished model's folder."""
    return _opened(folder)


def _opened(folder: Path, **changes: Any) -> BorrowedNetwork:
    import torch
    from transformers import AutoModelForImageClassification
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = AutoModelForImageClassification.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, **changes
        )
    except (OSError, ValueError, KeyError) as error:
        raise PluginError(f"The network in {folder.name} cannot be loaded: {error}") from error
    return BorrowedNetwork(model)


def _heads(width: int) -> int:
    """The most attention heads of at least 32 channels each that divide the width evenly."""
    return max(heads for heads in range(1, max(2, width // 32 + 1)) if width % heads == 0)
