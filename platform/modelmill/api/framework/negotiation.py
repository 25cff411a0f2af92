"""What form an answer takes: the one there is, whatever the client says it accepts."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OnlyForm(DefaultContentNegotiation):
    """Never answer 406: OpenAI's client asks for ``application/binary`` and gets bytes or JSON."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> Any:
        """Return (renderer, media type): the accepted one, else the first."""
        known = list(renderers)
        try:
            return super().select_renderer(request, known, format_suffix)
        except NotAcceptable:
            return known[0], known[0].media_type


class AnyAccept(DefaultContentNegotiation):
    """Answer whatever the client accepts: a browser's EventSource accepts no JSON."""

    def select_renderer(self, request: Request, renderers: Any, *args: Any) -> Any:
        """Take the first renderer."""
        return renderers[0], renderers[0].media_type
