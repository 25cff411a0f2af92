"""Arms that take turns, so that a machine whose speed drifts is fair to all of them."""

import os
import platform
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Arm = Callable[[], float]


@dataclass(frozen=True)
class Result:
    """What one arm reached: units of work per second, one figure a round."""

    name: str
    rates: list[float]

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.rates)

    @property
    def best(self) -> float:
        """The round that was disturbed least."""
        return max(self.rates)


def rounds_run(arms: Mapping[str, Arm], *, rounds: int = 5, unit: str = "requests") -> list[Result]:
    """Run every arm once per round, in turn, and print the table.

    An arm returns its rate in units per second. The first arm is the peer that
    the ratios are taken against, round by round. One extra round goes first
    and is not counted.
    """
    results = {name: Result(name, []) for name in arms}
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} at start")
    for number in range(rounds + 1):
        for name, arm in arms.items():
            rate = arm()
            if number > 0:
                results[name].rates.append(rate)
    peer = next(iter(results.values()))
    print(f"{'arm':<44}{'median/s':>12}{'best/s':>12}{'ratio':>9}   ({rounds} rounds, {unit})")
    for result in results.values():
        ratios = [ours / theirs for ours, theirs in zip(result.rates, peer.rates, strict=True)]
        ratio = statistics.median(ratios)
        print(f"{result.name:<44}{result.median:>12.1f}{result.best:>12.1f}{ratio:>9.3f}")
    print(f"load {os.getloadavg()[0]:.2f} at the end")
    return list(results.values())
