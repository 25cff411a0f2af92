"""JSON bodies, bounded in size and depth, and of what a database can hold."""

import io
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from modelmill.core.errors import InvalidRequest

# NUL, half of a surrogate pair, a number beyond any float: nearly no body has them, and only
# one that may is looked through.
_SUSPECT = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|[eE]\+?\d{3}|\d{309}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class BoundedJSONParser(JSONParser):
    """DRF's parser reads the stream itself, past Django's limit; this one keeps to the limit."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body.

        Raises ``RequestDataTooBig``, ``ParseError``, and ``InvalidRequest`` for what JSON may say
        and no database can store.
        """
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise RequestDataTooBig
        try:
            parsed = super().parse(io.BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        if _SUSPECT.search(body) and not all(_is_storable(leaf) for leaf in _leaves(parsed)):
            raise InvalidRequest(
                "The body has a NUL character, half a surrogate pair or an infinite number in it.",
                code="invalid_json",
            )
        return parsed


def _leaves(value: Any) -> Iterator[Any]:
    """Yield every text and number, keys too; without recursion, for the parser's depth is more."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield from item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        else:
            yield item


def _is_storable(leaf: Any) -> bool:
    if isinstance(leaf, str):
        return _UNSTORABLE.search(leaf) is None
    return not isinstance(leaf, float) or math.isfinite(leaf)
