"""Fields of bodies that DRF reads too kindly."""

from typing import Any

from rest_framework import serializers


class TrueOrFalse(serializers.BooleanField):
    """JSON's true or false: a "yes" that DRF's own field understands may have been a slip."""

    def to_internal_value(self, data: Any) -> bool:
        """Return what is given; refuse all else as of another type."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
