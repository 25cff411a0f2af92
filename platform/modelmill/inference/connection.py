"""The connection to Redis that carries streams; without it they only become slower."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

T = TypeVar("T")

# Longer than any blocking read below, so that a quiet stream is not taken for a dead server.
_SOCKET_TIMEOUT_S = 10
_REST_S = 1.0

_away_until: dict[str, float] = {}


def redis_try(ask: Callable[[Any], T]) -> T | None:
    """Return ``ask(client)``, or None when Redis is away; then nobody asks for a second.

    The rest keeps a lost server from costing every reader and writer a
    connection attempt for each piece of text.
    """
    url = str(settings.REDIS_URL)
    if time.monotonic() < _away_until.get(url, 0):
        return None
    try:
        return ask(_client(url))
    except (redis.RedisError, OSError):
        _away_until[url] = time.monotonic() + _REST_S
        return None


@lru_cache(maxsize=4)
def _client(url: str) -> Any:
    return redis.Redis.from_url(
        url,
        socket_timeout=_SOCKET_TIMEOUT_S,
        socket_connect_timeout=1,
        # Its own three tries take seconds; ours is the row.
        retry=Retry(NoBackoff(), retries=1),
    )
