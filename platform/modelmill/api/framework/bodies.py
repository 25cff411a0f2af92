"""Bodies of our own routes, which refuse what they do not know."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from modelmill.core.errors import InvalidRequest


class StrictBody(serializers.Serializer[Any]):
    """A body in which a misspelt name is refused: it was a wish, and nobody would hear of it."""

    def to_internal_value(self, data: Any) -> Any:
        """Read the fields. Raises ``InvalidRequest`` for a name that is none of them."""
        names = data if isinstance(data, Mapping) else ()
        strangers = [name for name in names if name not in self.fields]
        if strangers:
            known = ", ".join(self.fields)
            raise InvalidRequest(
                f"There is no parameter {strangers[0]} here. There are: {known}.",
                code="unknown_parameter",
                param=str(strangers[0]),
            )
        return super().to_internal_value(data)
