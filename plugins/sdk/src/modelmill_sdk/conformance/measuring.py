"""A plugin's speed: measured in processes of the platform's own host."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelmill_sdk.conformance.child import Answer, Child
from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.scratch import Scratch
from modelmill_sdk.conformance.targets import Target
from modelmill_sdk.errors import PluginError
from modelmill_sdk.plugin import Plugin, Trial
from modelmill_sdk.protocol import Failed, Progress

_PREDICT_S = 2.0
_MOST_INPUTS = 4_096


@dataclass(frozen=True)
class Figure:
    """One measured figure."""

    name: str
    value: float
    unit: str


def plugin_measure(
    plugin: type[Plugin],
    target: Target,
    *,
    trial: Trial,
    listen: Callable[[int, int], None] = lambda step, total: None,
) -> list[Figure]:
    """Measure describing, training, loading and predicting, in this order.

    ``listen`` is told how many of them are done, and of how many. Raises PluginError where the
    plugin fails on the way.
    """
    with tempfile.TemporaryDirectory(prefix="mill-bench-") as root:
        evidence = Evidence(plugin, target, Scratch(Path(root)), trial=trial, timeout_s=600)
        try:
            steps = [_describing, *([_training] if evidence.trains else []), _loading, _predicting]
            figures: list[Figure] = []
            for done, step in enumerate(steps):
                listen(done, len(steps))
                figures += step(evidence)
            listen(len(steps), len(steps))
            return figures
        finally:
            evidence.crew.close()


def _describing(evidence: Evidence) -> list[Figure]:
    return [Figure("describe", _done(evidence.description).took_s, "s")]


def _training(evidence: Evidence) -> list[Figure]:
    answer = _done(evidence.whole)
    figures = [Figure("training, all", answer.took_s, "s")]
    times = [(at, one.step) for at, one in answer.timed if isinstance(one, Progress)]
    # The first step waits for imports, caches and compilers.
    if len(times) > 2:
        (first_at, first), (last_at, last) = times[1], times[-1]
        rate = (last - first) / max(last_at - first_at, 1e-9)
        figures.append(Figure("training", rate, "steps/s"))
    peak_mib = evidence.trainer.peak_bytes() / 2**20
    return [*figures, Figure("training, most memory", peak_mib, "MiB")]


def _loading(evidence: Evidence) -> list[Figure]:
    began = time.monotonic()
    child = evidence.crew.start_cold()
    _done(evidence.load(child))
    cold_s = time.monotonic() - began
    peak_mib = child.peak_bytes() / 2**20
    evidence.crew.finish(child)
    return [
        Figure("cold start with model", cold_s, "s"),
        Figure("loaded, most memory", peak_mib, "MiB"),
    ]


def _predicting(evidence: Evidence) -> list[Figure]:
    figures = []
    batch = evidence.plugin.max_batch
    for name, size in (("predictions, alone", 1), (f"predictions, in batches of {batch}", batch)):
        if name.endswith("of 1"):
            continue
        child = evidence.crew.start_cold(max_batch=size)
        _done(evidence.load(child))
        figures.append(Figure(name, _rate(evidence, child, size), "inputs/s"))
        evidence.crew.finish(child)
    return figures


def _rate(evidence: Evidence, child: Child, size: int) -> float:
    given = evidence.inputs
    count, round_number = size, 0
    while True:
        inputs = [given[place % len(given)] for place in range(count)]
        round_number += 1
        answer = _done(evidence.predict(child, f"rate-{size}-{round_number}", inputs))
        # The first round warms up, and a short one measures little.
        if round_number > 1 and (answer.took_s > _PREDICT_S / 2 or count >= _MOST_INPUTS):
            return count / answer.took_s
        grown = count * min(16.0, _PREDICT_S / max(answer.took_s, 1e-3))
        count = min(_MOST_INPUTS, max(size, round(grown / size) * size))


def _done(answer: Answer) -> Answer:
    if answer.end is None:
        raise PluginError(answer.death)
    if isinstance(answer.end, Failed):
        raise PluginError(f"{answer.end.message}\n{answer.end.traceback}")
    return answer
