"""How fast a training goes, by its own steps: what it took to begin is not in it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pace:
    """So many steps, after the first one that was told, took so long.

    ``begin_ms`` is what it took to come to the first: data read, a network built, a cache warmed.
    """

    steps: int = 0
    elapsed_ms: int = 0
    begin_ms: int = 0
