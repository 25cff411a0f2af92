"""Networks that read numbers of tokens and give a logit for each class.

Axes: B texts, T tokens, E embedding, H hidden, K classes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Everything needed to build a network again but its weights."""

    method: str
    classes: int
    vocabulary: int = 0
    width: int = 0
    dropout: float = 0.0
    is_sparse: bool = False

    def as_json(self) -> dict[str, Any]:
        """Give the fields by name."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Shape":
        """Take back what ``as_json`` gave."""
        return cls(**values)


class BagNetwork(nn.Module):
    """The mean of the embeddings of a text's n-grams, and one linear layer.

    Joulin et al.: "Bag of tricks for efficient text classification", EACL 2017 (fastText).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        # torch asks to be told; left to itself it does without, and says so.
        torch.sparse.check_sparse_tensor_invariants.disable()  # type: ignore[no-untyped-call]
        # Gradients of the buckets that a batch touches alone, where there are very many.
        self.embedding = nn.Embedding(
            shape.vocabulary + 1, shape.width, padding_idx=0, sparse=shape.is_sparse
        )
        self.dropout = nn.Dropout(shape.dropout)
        self.output = nn.Linear(shape.width, shape.classes)
        nn.init.uniform_(self.embedding.weight, -1 / shape.width, 1 / shape.width)
        nn.init.zeros_(self.output.bias)
        with torch.no_grad():
            self.embedding.weight[0].zero_()

    def forward(self, ids: Tensor) -> Tensor:
        """Give logits ``(B, K)`` for numbers ``(B, T)``."""
        mask = (ids != 0).unsqueeze(-1).float()  # (B, T, 1)
        summed = (self.embedding(ids) * mask).sum(dim=1)  # (B, E)
        mean = summed / mask.sum(dim=1).clamp_min(1)  # (B, E)
        logits: Tensor = self.output(self.dropout(mean))
        return logits


class LstmNetwork(nn.Module):
    """An LSTM in both directions, its states pooled by mean and by maximum."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary + 2, shape.width, padding_idx=0)
        self.dropout = nn.Dropout(shape.dropout)
        self.forwards = nn.LSTM(shape.width, shape.width, batch_first=True)
        self.backwards = nn.LSTM(shape.width, shape.width, batch_first=True)
        self.output = nn.Linear(4 * shape.width, shape.classes)
        nn.init.normal_(self.embedding.weight, std=0.1)
        with torch.no_grad():
            self.embedding.weight[0].zero_()

    def forward(self, ids: Tensor) -> Tensor:
        """Give logits ``(B, K)`` for numbers ``(B, T)`` that are filled up at the end."""
        mask = (ids != 0).unsqueeze(-1)  # (B, T, 1)
        lengths = mask.sum(dim=1)  # (B, 1)
        steps = torch.arange(ids.shape[1], device=ids.device)[None, :]  # (1, T)
        # Read from the end of each text, not from the filling behind it.
        turned = torch.where(steps < lengths, lengths - 1 - steps, steps)  # (B, T)
        seen = self.dropout(self.embedding(ids))  # (B, T, E)
        onward, _ = self.forwards(seen)  # (B, T, H)
        index = turned.unsqueeze(-1).expand(-1, -1, seen.shape[2])  # (B, T, E)
        back, _ = self.backwards(seen.gather(1, index))  # (B, T, H)
        states = torch.cat([onward, back], dim=2)  # (B, T, 2H)
        mean = (states * mask).sum(dim=1) / lengths.clamp_min(1)  # (B, 2H)
        highest = states.masked_fill(~mask, -1.0).amax(dim=1)  # (B, 2H)
        logits: Tensor = self.output(self.dropout(torch.cat([mean, highest], dim=1)))
        return logits


class EncoderNetwork(nn.Module):
    """A base model of ``transformers`` with a new last layer."""

    def __init__(self, model: Any, *, pad_id: int) -> None:
        super().__init__()
        self.model, self.pad_id = model, pad_id

    @property
    def embedding(self) -> nn.Module:
        """The layer that turns tokens into vectors."""
        found: nn.Module = self.model.get_input_embeddings()
        return found

    def forward(self, ids: Tensor) -> Tensor:
        """Give logits ``(B, K)`` for tokens ``(B, T)``."""
        mask = (ids != self.pad_id).long()  # (B, T)
        logits: Tensor = self.model(input_ids=ids, attention_mask=mask).logits
        return logits


Network = BagNetwork | LstmNetwork | EncoderNetwork


def network_new(shape: Shape) -> Network:
    """Build a network from scratch; its weights come from torch's generator."""
    return BagNetwork(shape) if shape.method == "bag" else LstmNetwork(shape)
