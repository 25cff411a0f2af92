"""Parameters: JSON values turned into what the plugin declared."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from modelmill_sdk.errors import CustomerError
from modelmill_sdk.plugin import Params


def parameters_read(model: type[Params], values: dict[str, Any], *, where: str = "") -> Params:
    """Validate values, filling in the defaults; ``where`` goes before a field's name in errors.

    Raises CustomerError naming the first field that is wrong: the platform has checked the JSON
    Schema already, and what is left are the author's own validators.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        param = ".".join(part for part in (where, *map(str, first["loc"])) if part)
        raise CustomerError(_sentence(model, first, param), param or None) from error


def _sentence(model: type[Params], first: Mapping[str, Any], param: str) -> str:
    """Say what to do where pydantic's own words do not; an author's validator speaks for itself."""
    if first["type"] == "missing":
        return f"{param} is missing; it must be given."
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        known = ", ".join(sorted(model.model_fields))
        return f"{param} is not known here; " + (
            f"there are: {known}." if known else "leave it out."
        )
    return f"{param or 'parameters'}: {first['msg']}."
