"""The peer's own network in our habits: the same function, optimizer and batches.

``p1_textbook.py DATA EPOCHS PRECISION SEED`` prints CPU seconds of the training and accuracy as
JSON. In bfloat16, the other precision being float32, everything computes but for the last layer,
the loss and the optimizer.

Axes: B batch, C channels, H height, W width, K classes.
"""

import json
import sys
import time

import numpy as np
import torch
from modelmill_sdk.host.pages import pages_keep
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 128
# A batch's gradient is the sum of its parts', and these parts' activations stay in the cache.
PARTS = {"float32": 64, "bfloat16": 128}


class Textbook(nn.Module):
    """Conv 32, conv 64, half dropped, one dense layer; the same function as the peer's.

    Pooling goes before ReLU, tensors are channels-last, and rows and columns that the peer's
    pooling drops in the end are never made.
    """

    def __init__(self, side: int, channels: int, classes: int, *, seed: int) -> None:
        """Build it with Keras' initial weights (Glorot)."""
        super().__init__()
        self.random = np.random.default_rng(seed)
        self.first = nn.Conv2d(channels, 32, 3)
        self.second = nn.Conv2d(32, 64, 3)
        last = ((side - 2) // 2 - 2) // 2
        self.seen = 2 * (2 * last + 2) + 2
        self.head = nn.Linear(64 * last * last, classes)
        for layer in (self.first, self.second, self.head):
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        """Give logits ``(B, K)`` for ``(B, C, H, W)``, computed in the pictures' precision."""
        is_half = pictures.dtype == torch.bfloat16
        x = pictures[:, :, : self.seen, : self.seen]
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
            x = F.relu_(F.max_pool2d(self.first(x), 2))
            x = F.relu_(F.max_pool2d(self.second(x), 2))
        x = x.flatten(1).float()
        logits: Tensor = self.head(x * self._kept(x) if self.training else x)
        return logits

    def _kept(self, x: Tensor) -> Tensor:
        """Two or nothing for each value, by the toss of a coin; a bit each, eight for a byte."""
        coins = np.frombuffer(self.random.bytes(-(-x.numel() // 8)), np.uint8)
        bits = torch.from_numpy(np.unpackbits(coins)[: x.numel()])
        return bits.view(x.shape).float().mul_(2)


def main(data: str, epochs: int, precision: str, seed: int) -> None:
    """Train by Adam as the peer does, and test."""
    torch.set_num_threads(1)
    pages_keep()
    torch.manual_seed(seed)
    with np.load(data) as kept:
        arrays = [kept[name] for name in ("train_x", "train_y", "test_x", "test_y")]
    train_x, train_y, test_x, test_y = (torch.from_numpy(one) for one in arrays)
    classes = int(train_y.max()) + 1
    network = Textbook(train_x.shape[1], train_x.shape[3], classes, seed=seed)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=True)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    began_s = time.process_time()
    pictures = (train_x.permute(0, 3, 1, 2).float() / 255).to(dtype)  # (N, C, H, W)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(pictures)), BATCH):
            adam.zero_grad()
            for part in torch.split(rows, PARTS[precision]):
                summed = F.cross_entropy(network(pictures[part]), train_y[part], reduction="sum")
                loss = summed / len(rows)
                loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
    spent_s = time.process_time() - began_s
    with torch.inference_mode():
        answers = network.eval()(test_x.permute(0, 3, 1, 2).float() / 255).argmax(1)
    print(json.dumps({"seconds": spent_s, "accuracy": float((answers == test_y).float().mean())}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
