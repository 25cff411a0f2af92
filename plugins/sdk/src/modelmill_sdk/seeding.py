"""Seeds: the same number in every random generator a plugin is likely to use."""

import random
import sys


def seed_everything(seed: int) -> None:
    """Seed Python, and NumPy and torch where they are already imported.

    A plugin that imports torch inside ``train`` calls this again after the import. On the CPU this
    makes a training repeatable; on CUDA also set torch's deterministic flags, at a cost.
    """
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
