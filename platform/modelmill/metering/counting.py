"""Counting uses that are nothing but a count, at the price of one write to a file.

For what carries no money of its own while it happens. What was set aside before is settled with
``usage_record_many``, in the transaction that closes it.
"""

import os
import threading
import time
from typing import Final

import structlog
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from modelmill.core.ids import new_id
from modelmill.metering.draining import SOURCE, usage_drain
from modelmill.metering.services import usage_record
from modelmill.metering.spool import Spool

logger = structlog.get_logger(__name__)

spool: Final = Spool()
_starting = threading.Lock()
_flusher: threading.Thread | None = None


def usage_count(*, tenant_id: str, meter: str, api_key_id: str = "") -> None:
    """Count one use, now; the death of the process does not lose it once this has returned.

    It is in the ledger within seconds, summed with its like of the same second. Without room
    on the disk it is recorded there at once.
    """
    line = f"{int(time.time())}\t{tenant_id}\t{meter}\t{api_key_id}\n"
    try:
        spool.append(line.encode())
    except OSError:
        logger.exception("usage_not_spooled")
        usage_record(
            tenant_id=tenant_id,
            source=SOURCE,
            event_id=new_id("one"),
            meter=meter,
            qty=1,
            occurred_at=timezone.now(),
            api_key_id=api_key_id,
        )
    if _flusher is None and settings.USAGE_FLUSH_S:
        _flusher_start()


def usage_flush() -> int:
    """Take everything this process has counted, and what others left, to the ledger now."""
    spool.seal()
    return usage_drain()


def _flusher_start() -> None:
    global _flusher
    with _starting:
        if _flusher is None:
            _flusher = threading.Thread(target=_flush_for_ever, name="usage", daemon=True)
            _flusher.start()


def _flush_for_ever() -> None:
    while True:
        time.sleep(settings.USAGE_FLUSH_S)
        try:
            usage_flush()
        except Exception:
            # The database is away: the files wait, and so do we.
            logger.exception("usage_not_flushed")
        finally:
            close_old_connections()


def _flusher_forget() -> None:
    """Threads do not survive a fork: the child starts its own."""
    global _flusher, _starting
    _flusher, _starting = None, threading.Lock()


os.register_at_fork(after_in_child=_flusher_forget)
