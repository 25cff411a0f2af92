"""What HEAD answers: the headers that GET would, and nothing behind them."""

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase


class HeadMiddleware:
    """Leave the body out of every answer to HEAD.

    Django lets a view's ``get`` serve HEAD, and Gunicorn sends what it is given: a client would
    read the body as the answer to its next request on the same connection. Outermost, as it empties
    what all the others answer.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve the request, as GET is served, without a body if it is a HEAD."""
        response = self.get_response(request)
        if request.method == "HEAD":
            _empty(response)
        return response


def _empty(response: HttpResponseBase) -> None:
    """Take the body away.

    What was to be streamed is still closed with the response, which the server does: to close
    it here too would tell Django twice that the request has ended.
    """
    if response.streaming:
        # A file's response forgets with it the file, which the server would send past the content.
        cast(StreamingHttpResponse, response).streaming_content = ()
        return
    whole = cast(HttpResponse, response)
    if not response.has_header("Content-Length"):
        response["Content-Length"] = str(len(whole.content))
    whole.content = b""
