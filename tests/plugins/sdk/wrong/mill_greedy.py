"""A plugin that takes more threads than it was given.

Alone in its file: the kit imports torch once for each plugin whose file names it.
"""

from typing import Any

from mill_wrong_base import Right


class Greedy(Right):
    breaks = "threads-respected"

    def train(self, run: Any) -> None:
        import torch

        torch.set_num_threads(run.threads + 1)
        super().train(run)
