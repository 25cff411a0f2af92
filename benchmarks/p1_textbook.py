"""The peer's own network in our habits: pooling before ReLU, channels-last, nothing else changed.

``p1_textbook.py DATA EPOCHS SEED`` prints CPU seconds of the training and accuracy as JSON.

Axes: B batch, C channels, H height, W width, K classes.
"""

import json
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 128


class Textbook(nn.Module):
    """Conv 32, conv 64, half dropped, one dense layer; the same function as the peer's."""

    def __init__(self, side: int, channels: int, classes: int) -> None:
        """Build it with Keras' initial weights (Glorot)."""
        super().__init__()
        self.first = nn.Conv2d(channels, 32, 3)
        self.second = nn.Conv2d(32, 64, 3)
        last = ((side - 2) // 2 - 2) // 2
        self.head = nn.Linear(64 * last * last, classes)
        for layer in (self.first, self.second, self.head):
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        """Give logits ``(B, K)`` for ``(B, C, H, W)``."""
        x = F.relu(F.max_pool2d(self.first(pictures), 2))
        x = F.relu(F.max_pool2d(self.second(x), 2))
        logits: Tensor = self.head(F.dropout(x.flatten(1), 0.5, self.training))
        return logits


def main(data: str, epochs: int, seed: int) -> None:
    """Train by Adam as the peer does, and test."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    with np.load(data) as kept:
        arrays = [kept[name] for name in ("train_x", "train_y", "test_x", "test_y")]
    train_x, train_y, test_x, test_y = (torch.from_numpy(one) for one in arrays)
    network = Textbook(train_x.shape[1], train_x.shape[3], int(train_y.max()) + 1)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, foreach=True)
    began_s = time.process_time()
    pictures = train_x.permute(0, 3, 1, 2).float() / 255  # (N, C, H, W)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(pictures)), BATCH):
            loss = F.cross_entropy(network(pictures[rows]), train_y[rows])
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
    spent_s = time.process_time() - began_s
    with torch.no_grad():
        answers = network.eval()(test_x.permute(0, 3, 1, 2).float() / 255).argmax(1)
    print(json.dumps({"seconds": spent_s, "accuracy": float((answers == test_y).float().mean())}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
