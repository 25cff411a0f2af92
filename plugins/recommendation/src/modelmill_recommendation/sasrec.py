"""The trained network as a model that scores histories, and says why.

Axes: B histories, L positions, D width, I items, K explained items, N explaining ones.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from modelmill_recommendation.interactions import Ints
from modelmill_recommendation.network import SasRec
from modelmill_recommendation.popularity import Scores

# Explaining costs a reading for each item left out.
MOST_EXPLAINING = 20


class NetworkScorer:
    """Scores by the network; an empty history is read as one filler, and so scored all the same."""

    def __init__(self, network: SasRec) -> None:
        """Take a network; it is put into evaluation while it scores."""
        self.network = network
        self.device = network.bias.device

    @torch.inference_mode()
    def scores(self, histories: Sequence[Ints]) -> Scores:
        """Give the logits, ``(B, I)``; the last bits depend on what else is in the batch."""
        was_training = self.network.training
        self.network.eval()
        logits = self.network.next_scores(self._padded(histories))
        self.network.train(was_training)
        return logits.float().cpu().numpy()

    @torch.inference_mode()
    def contributions(self, history: Ints, items: Ints) -> Scores:
        """Give how much each logit falls without an item of the history, ``(N, K)``.

        The rows are the newest ``MOST_EXPLAINING`` places of the history, oldest first.
        """
        self.network.eval()
        count = min(len(history), MOST_EXPLAINING)
        without = [np.delete(history, -back) for back in range(count, 0, -1)]
        read = self.network(self._padded([history, *without]))[:, -1]  # (1 + N, D)
        chosen = torch.from_numpy(items + 1).to(self.device)
        logits = read @ self.network.item(chosen).T  # (1 + N, K)
        fall: Scores = (logits[:1] - logits[1:]).float().cpu().numpy()
        return fall

    def _padded(self, histories: Sequence[Ints]) -> Tensor:
        newest = [items[-self.network.config.length :] for items in histories]
        length = max(1, max(len(items) for items in newest))
        padded = np.zeros((len(newest), length), dtype=np.int64)
        for row, items in zip(padded, newest, strict=True):
            if len(items):
                row[-len(items) :] = items + 1
        return torch.from_numpy(padded).to(self.device)
