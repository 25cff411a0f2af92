"""Metrics as plain numbers, whatever the plugin measured them with."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from modelmill_sdk.errors import PluginError

MAX_METRICS = 100
MAX_NAME_CHARS = 100

# So many of a hash's letters tell apart what was cut.
_TOLD_APART = 8


def metrics_plain(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Turn tensors and NumPy scalars into floats; one that is not finite becomes None.

    Reading a GPU tensor waits for the GPU, so the runs call this only for what they send.
    Raises PluginError for what is not one number.
    """
    if len(metrics) > MAX_METRICS:
        raise PluginError(f"{len(metrics)} metrics at once; at most {MAX_METRICS} can be shown.")
    return {name: _plain(name, value) for name, value in metrics.items()}


def metric_of(name: str, part: str) -> str:
    """Name a measure of one part of the data: ``accuracy_of_shop`` for the group ``shop``.

    A name that no metric can have, for it is too long or holds a NUL character, is cut and ends in
    a hash of the whole: parts that begin alike keep names apart, the same in every training.
    """
    whole = f"{name}_of_{part}"
    if len(whole) <= MAX_NAME_CHARS and "\0" not in whole:
        return whole
    ending = "…" + hashlib.sha256(whole.encode()).hexdigest()[:_TOLD_APART]
    return whole.partition("\0")[0][: MAX_NAME_CHARS - len(ending)] + ending


def _plain(name: str, value: Any) -> float | None:
    if hasattr(value, "detach"):
        value = value.detach()
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise PluginError(f"The metric {name!r} is {value!r}, which is not a number.") from error
    # Added to 0, a negative zero becomes one that nobody wonders about.
    return number + 0.0 if math.isfinite(number) else None
