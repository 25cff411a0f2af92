"""Asking for another look at what is installed, when a plugin was not what the catalog says."""

import threading
import time

import structlog
from modelmill.core.doorbell import ring

# However many jobs and predictions fail for it.
_EVERY_S = 60.0

_lock = threading.Lock()
_asked_at: list[float] = []
logger = structlog.get_logger(__name__)


def look_ask(reason: str) -> bool:
    """Have the plugins described now, and not at the next regular look; False if that is due.

    Meanwhile a release that cannot be loaded would go on being offered. Asked at most once a
    minute by one worker. ``reason`` is for the operator's log.
    """
    with _lock:
        if _asked_at and time.monotonic() - _asked_at[0] < _EVERY_S:
            return False
        _asked_at[:] = [time.monotonic()]
    logger.error("plugin_not_loaded", reason=reason)
    return ring("workers.tasks.catalog.describe", {})
