"""Metrics as plain numbers, whatever the plugin measured them with."""

import math
from collections.abc import Mapping
from typing import Any

from modelmill_sdk.errors import PluginError

MAX_METRICS = 100


def metrics_plain(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Turn tensors and NumPy scalars into floats; one that is not finite becomes None.

    Reading a GPU tensor waits for the GPU, so the runs call this only for what they send.
    Raises PluginError for what is not one number.
    """
    if len(metrics) > MAX_METRICS:
        raise PluginError(f"{len(metrics)} metrics at once; at most {MAX_METRICS} can be shown.")
    return {name: _plain(name, value) for name, value in metrics.items()}


def _plain(name: str, value: Any) -> float | None:
    if hasattr(value, "detach"):
        value = value.detach()
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise PluginError(f"The metric {name!r} is {value!r}, which is not a number.") from error
    return number if math.isfinite(number) else None
