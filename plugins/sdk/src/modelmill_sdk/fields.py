"""What a parameter's field may say beyond JSON Schema, by pydantic's ``json_schema_extra``."""

from typing import Any, Final

ZERO_CHOOSES: Final[dict[str, Any]] = {"x-auto": 0}
"""For a number of which 0 leaves the choice to the plugin: pages then say "chosen for you"."""
