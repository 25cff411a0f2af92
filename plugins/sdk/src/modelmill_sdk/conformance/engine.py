"""The engine: every promise looked at, one after another."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelmill_sdk.conformance.checks import PROMISES
from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.promise import Promise
from modelmill_sdk.conformance.scratch import Scratch
from modelmill_sdk.conformance.targets import Target, target_of
from modelmill_sdk.conformance.verdicts import CheckReport, Fault, Skip, Verdict
from modelmill_sdk.placeholders import placeholders_left
from modelmill_sdk.plugin import Plugin, Trial
from modelmill_sdk.protocol import Manifests

Listen = Callable[[Verdict], None]


def plugin_check(
    plugin: type[Plugin],
    *,
    target: Target | None = None,
    trial: Trial | None = None,
    timeout_s: float = 120.0,
    listen: Listen = lambda verdict: None,
) -> CheckReport:
    """Look at every promise; each verdict is also told to ``listen`` when it is known.

    ``timeout_s`` bounds each piece of work. Raises PluginError for a class no process can import.
    """
    began = time.monotonic()
    target = target or target_of(plugin)
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="mill-check-") as root:
        evidence = Evidence(
            plugin,
            target,
            Scratch(Path(root)),
            trial=trial or plugin.trial,
            timeout_s=timeout_s,
        )
        try:
            for promise in PROMISES:
                verdicts.append(_look(promise(), evidence))
                listen(verdicts[-1])
            notes = _notes(evidence)
        finally:
            evidence.crew.close()
    plugin_id = getattr(plugin, "id", plugin.__name__)
    return CheckReport(
        plugin_id=plugin_id,
        verdicts=tuple(verdicts),
        took_s=time.monotonic() - began,
        notes=notes,
    )


def trial_of(
    plugin: type[Plugin],
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Sequence[Mapping[str, Any]] | None = None,
    predict_params: Mapping[str, Any] | None = None,
    data: Callable[[Path], Path] | None = None,
    model: Callable[[Path], Path] | None = None,
) -> Trial:
    """Give the plugin's own trial, with what is given here in its place."""
    given: dict[str, Any] = {
        "params": params,
        "inputs": inputs,
        "predict_params": predict_params,
        "data": data,
        "model": model,
    }
    return replace(plugin.trial, **{k: v for k, v in given.items() if v is not None})


def _notes(evidence: Evidence) -> tuple[str, ...]:
    """Say what passes and should still not go to customers."""
    end = evidence.description.end
    items = end.items if isinstance(end, Manifests) else ()
    return tuple(note for item in items for note in placeholders_left(item))


def _look(promise: Promise, evidence: Evidence) -> Verdict:
    began = time.monotonic()
    said = " ".join((promise.__doc__ or "").split())
    outcome, reason = "passed", ""
    try:
        promise.look(evidence)
    except Fault as fault:
        outcome, reason = "failed", str(fault)
    except Skip as skip:
        outcome, reason = "skipped", str(skip)
    return Verdict(
        check=promise.id,
        outcome=outcome,  # type: ignore[arg-type]
        promise=said,
        reason=reason,
        fix=promise.fix if outcome == "failed" else "",
        took_s=time.monotonic() - began,
    )
