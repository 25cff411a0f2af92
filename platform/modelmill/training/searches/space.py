"""The space of a search: which parameters vary, and within what."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from modelmill.catalog.models import Release
from modelmill.catalog.parameters import parameter_types, parameters_complete
from modelmill.core.errors import InvalidRequest

MAX_VARYING = 10
MAX_VALUES = 50
# A range this wide is about orders of magnitude.
_LOG_FROM = 50


def space_check(
    release: Release, space: Mapping[str, Any], *, fixed: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the space in full, or raise ``InvalidRequest`` with the parameter's name.

    Each parameter has either ``{"values": [...]}`` or ``{"min": a, "max": b}``,
    with ``"log": true`` to try magnitudes alike (by default when b is fifty times
    a) and ``"count": n`` for how many points a grid takes of it (3 by default).
    Every value, and both ends, must be what the plugin's schema takes.
    """
    if not space:
        raise InvalidRequest(
            _("Name at least one parameter that varies."), code="empty_space", param="space"
        )
    if len(space) > MAX_VARYING:
        raise InvalidRequest(
            _("At most %(most)s parameters may vary.") % {"most": MAX_VARYING}, param="space"
        )
    complete = {name: _entry(name, entry, release) for name, entry in space.items()}
    for name, entry in complete.items():
        for value in entry.get("values") or (entry["min"], entry["max"]):
            parameters_complete(release, {**fixed, name: value})
    return complete


def grid_of(space: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return every combination of a checked space, the last parameter varying fastest."""
    columns = [entry.get("values") or _points(entry) for entry in space.values()]
    return [dict(zip(space, row, strict=True)) for row in itertools.product(*columns)]


def grid_size(space: Mapping[str, Mapping[str, Any]]) -> int:
    """Count the combinations without making them."""
    return math.prod(len(entry.get("values") or _points(entry)) for entry in space.values())


def _entry(name: str, entry: Any, release: Release) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        raise _refusal(name)
    if "values" in entry:
        values = entry["values"]
        if set(entry) != {"values"} or not isinstance(values, list) or not values:
            raise _refusal(name)
        if len(values) > MAX_VALUES:
            raise InvalidRequest(
                _("%(name)s has more than %(most)s values.") % {"name": name, "most": MAX_VALUES},
                param=name,
            )
        return {"values": list(dict.fromkeys(values)) if _hashable(values) else values}
    return _range(name, entry, is_whole="number" not in parameter_types(release, name))


def _range(name: str, entry: Mapping[str, Any], *, is_whole: bool) -> dict[str, Any]:
    if not {"min", "max"} <= set(entry) <= {"min", "max", "log", "count", "whole"}:
        raise _refusal(name)
    least, most, count = entry["min"], entry["max"], entry.get("count", 3)
    if not all(_is_number(value) for value in (least, most)) or least >= most:
        raise _refusal(name)
    is_log = entry.get("log", least > 0 and most >= _LOG_FROM * least)
    if not isinstance(is_log, bool) or (is_log and least <= 0):
        raise InvalidRequest(
            _("%(name)s: a logarithmic range begins above 0.") % {"name": name}, param=name
        )
    if not isinstance(count, int) or not 2 <= count <= MAX_VALUES:
        raise _refusal(name)
    return {"min": least, "max": most, "log": is_log, "count": count, "whole": is_whole}


def _points(entry: Mapping[str, Any]) -> list[Any]:
    least, most, count = entry["min"], entry["max"], entry["count"]
    parts = [number / (count - 1) for number in range(count)]
    if entry["log"]:
        points = [least * (most / least) ** part for part in parts]
    else:
        points = [least + (most - least) * part for part in parts]
    # The ends as they were given, whatever the arithmetic makes of them.
    points[0], points[-1] = least, most
    rounded = [round(point) if entry["whole"] else float(f"{point:.6g}") for point in points]
    return list(dict.fromkeys(rounded))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _hashable(values: list[Any]) -> bool:
    # 1, 1.0 and True are one key of a dict, and three values of a parameter.
    return all(isinstance(value, str) for value in values)


def _refusal(name: str) -> InvalidRequest:
    return InvalidRequest(
        _('%(name)s: give {"values": […]} or {"min": a, "max": b} with a below b.')
        % {"name": name},
        code="invalid_space",
        param=name,
    )
