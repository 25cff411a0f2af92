"""A network with its reader, ready to answer.

Axes: B texts, T tokens, K classes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from modelmill_text_classification.encoders import encoder_load, encoder_save
from modelmill_text_classification.networks import EncoderNetwork, Network, Shape, network_new
from modelmill_text_classification.numbers import Reals
from modelmill_text_classification.readers import Reader, batch_make, reader_load
from modelmill_text_classification.whys import Why

_SHAPE_FILE = "network.json"
_WEIGHTS_FILE = "model.safetensors"
_AT_ONCE = 64
_STEPS = 24


@dataclass(kw_only=True)
class NeuralModel:
    """A finished network."""

    network: Network
    reader: Reader
    shape: Shape
    device: str = "cpu"

    def logits(self, texts: Sequence[str]) -> Reals:
        """Give the logits of texts, ``(B, K)``.

        On a CPU one at a time: a library may sum in another order for another batch size, and a
        text has to get the same answer whatever else is in the batch.
        """
        size = 1 if torch.device(self.device).type == "cpu" else _AT_ONCE
        return self.logits_of([self.reader.ids(text) for text in texts], at_once=size)

    @torch.no_grad()
    def logits_of(self, rows: Sequence[Sequence[int]], *, at_once: int = _AT_ONCE) -> Reals:
        """Give the logits of numbers, ``(B, K)``, those of like length together."""
        self.network.eval()
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        found = np.zeros((len(rows), self.shape.classes))
        for first in range(0, len(order), at_once):
            some = order[first : first + at_once]
            ids = batch_make([rows[row] for row in some], pad_id=self.reader.pad_id)
            found[some] = self.network(ids.to(self.device)).float().cpu().numpy()
        return found

    def why(self, text: str, label: int) -> Why:
        """Attribute a class's logit above the mean to the tokens, by integrated gradients.

        Along the straight way from embeddings of nothing; Sundararajan et al.: "Axiomatic
        attribution for deep networks", ICML 2017. Exact for a bag, which is linear.
        """
        ids = batch_make([self.reader.ids(text)], pad_id=self.reader.pad_id).to(self.device)
        self.network.eval()
        slopes: Tensor | None = None
        for step in range(_STEPS):
            _value, seen, slope = self._slope(ids, label, share=(step + 0.5) / _STEPS)
            slopes = slope if slopes is None else slopes + slope
        assert slopes is not None
        base, _, _ = self._slope(ids, label, share=0.0)
        weights = (seen * slopes / _STEPS).sum(dim=-1)[0].tolist()  # (T,)
        pieces = self.reader.pieces(text)
        parts = [(p, float(w)) for p, w in zip(pieces, weights, strict=False) if p]
        return Why(method="integrated-gradients", parts=parts, base=base)

    def size(self) -> int:
        """Count the weights."""
        return sum(weight.numel() for weight in self.network.parameters())

    def save(self, folder: Path) -> None:
        """Write the model as safetensors and JSON."""
        (folder / _SHAPE_FILE).write_text(json.dumps(self.shape.as_json()), encoding="utf-8")
        self.reader.save(folder)
        if isinstance(self.network, EncoderNetwork):
            encoder_save(self.network, folder)
            return
        tensors = self.network.state_dict().items()
        save_file({k: v.cpu().contiguous() for k, v in tensors}, folder / _WEIGHTS_FILE)

    def _slope(self, ids: Tensor, label: int, *, share: float) -> tuple[float, Tensor, Tensor]:
        """Give value, embeddings ``(1, T, E)`` and slope where embeddings are a share of theirs."""
        kept: list[Tensor] = []

        def scale(_layer: object, _given: object, seen: Tensor) -> Tensor:
            part = (seen.detach() * share).requires_grad_(True)
            kept.extend([seen.detach(), part])
            return part

        hook = self.network.embedding.register_forward_hook(scale)
        # cuDNN's LSTM has no backward pass outside of training.
        try:
            with torch.backends.cudnn.flags(enabled=False):
                logits = self.network(ids)[0].float()  # (K,)
                value = logits[label] - logits.mean()
                (slope,) = torch.autograd.grad(value, kept[1])
        finally:
            hook.remove()
        return float(value.detach()), kept[0], slope


def neural_load(folder: Path, device: str) -> NeuralModel:
    """Read what ``save`` wrote."""
    shape = Shape.of(json.loads((folder / _SHAPE_FILE).read_text(encoding="utf-8")))
    reader = reader_load(folder)
    network: Network
    if shape.method == "encoder":
        network = encoder_load(folder, pad_id=reader.pad_id)
    else:
        network = network_new(shape)
        network.load_state_dict(load_file(folder / _WEIGHTS_FILE))
    return NeuralModel(network=network.to(device).eval(), reader=reader, shape=shape, device=device)
