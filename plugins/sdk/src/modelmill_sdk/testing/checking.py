"""The conformance kit in a test: two lines."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk.plugin import Plugin


def check_plugin(
    plugin: type[Plugin],
    *,
    data: Path | Callable[[Path], Path] | None = None,
    params: Mapping[str, Any] | None = None,
    inputs: Sequence[Mapping[str, Any]] | None = None,
    predict_params: Mapping[str, Any] | None = None,
    timeout_s: float = 120.0,
) -> None:
    """Check that a plugin keeps every promise of the platform's contract, in real processes.

    What is not given comes from ``plugin.trial``, and what that leaves out from the kit: a small
    dataset of the first kind accepted, parameters turned down, inputs made from their schema.
    ``data`` is a dataset's folder, or a function that writes one into the folder it is given.

    Raises AssertionError with the whole table when a check fails.
    """
    # Here, so that tests which only train and predict do not pay for it.
    from modelmill_sdk.conformance.engine import plugin_check, trial_of
    from modelmill_sdk.conformance.packaging import project_target

    given = data
    write = (lambda _: given) if isinstance(given, Path) else given
    trial = trial_of(
        plugin, params=params, inputs=inputs, predict_params=predict_params, data=write
    )
    with tempfile.TemporaryDirectory(prefix="mill-site-") as site:
        target = project_target(plugin, Path(site).resolve())
        report = plugin_check(plugin, target=target, trial=trial, timeout_s=timeout_s)
    if report.failed:
        raise AssertionError(f"{len(report.failed)} checks failed\n{report.as_text()}")
