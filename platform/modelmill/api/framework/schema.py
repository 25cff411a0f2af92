"""How our views appear in the OpenAPI document."""

import re
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework.serializers import Serializer


class MillSchema(AutoSchema):
    """Names what the generator would name twice.

    Serializers live inside their endpoints under short names, so a component
    is called after both: ``FilesView.Input`` becomes ``FilesInput``. A GET
    without an id in its path is a list.
    """

    def get_serializer_name(self, serializer: Serializer[Any], direction: str) -> str:
        """Return the component's name."""
        kind = serializer if isinstance(serializer, type) else type(serializer)
        parts = kind.__qualname__.split(".")
        return "".join(part.removesuffix("View") for part in parts)

    def get_summary(self) -> str | None:
        """Return an endpoint's own summary, or the first clause of what its method says."""
        summary = super().get_summary()
        return summary or re.split(r"[.:;](?:\s|$)", self.get_description(), maxsplit=1)[0] or None

    def get_operation_id(self) -> str:
        """Return the operation's name, as client generators use it."""
        name = str(super().get_operation_id())
        is_list = self.method == "GET" and "{" not in self.path
        return f"{name.removesuffix('_retrieve')}_list" if is_list else name
