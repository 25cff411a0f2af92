"""How fast a training goes, by its own steps: what it took to begin is not in it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pace:
    """So many steps, after the first one that was told, took so long."""

    steps: int = 0
    elapsed_ms: int = 0
