"""Taking files of counted uses to the ledger, each use once, whoever died in between.

Everything an event says comes from its file, which nobody writes any more, and from the file's
name: a second drain finds the same ids with the same bodies, and adds nothing.
"""

import os
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError

from modelmill.core.clock import database_now
from modelmill.core.killpoints import killpoint
from modelmill.core.scope import tenant_scope
from modelmill.metering.facts import Usage, UsageConflict
from modelmill.metering.refusing import SUFFIX, refused_put
from modelmill.metering.services import usage_record_many
from modelmill.metering.spool import PREFIX, line_read, lock_take
from modelmill.tenants.models import Tenant

logger = structlog.get_logger(__name__)

SOURCE: Final = "counted"
_BATCH = 1_000

# By tenant: each use of a file, and the line it was made of.
Uses = list[tuple[bytes, Usage]]
Facts = dict[str, Uses]


def usage_drain() -> int:
    """Record what lies in this machine's files that nobody writes; return how many events are new.

    A file goes when the ledger has all of it. What cannot be recorded is put aside in a file of
    another name, for a person to read: ``refusing``. The rest of it is recorded.
    """
    folder: Path = settings.USAGE_SPOOL_DIR
    paths = sorted(folder.glob(f"{PREFIX}-*"))
    return sum(_file_drain(path) for path in paths if path.suffix != SUFFIX)


def _file_drain(path: Path) -> int:
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return 0
    except PermissionError:
        logger.exception("usage_not_readable", file=path.name)
        return 0
    with file:
        # Without its name it was given another by a drainer that died: the next look finds it.
        if not lock_take(file.fileno()) or not path.exists():
            return 0
        if not os.fstat(file.fileno()).st_size:
            # Its writer may be waiting for our lock: nothing slow here, no question to a database.
            path.unlink()
            return 0
        path = _clock_noted(path)
        facts, refused = _facts(file, path.name)
        new = 0
        for tenant_id, uses in facts.items():
            for at in range(0, len(uses), _BATCH):
                recorded, left = _record(uses[at : at + _BATCH], tenant_id=tenant_id)
                new += recorded
                refused.update({line: usage.qty for line, usage in left})
        killpoint("drain.recorded")
        if refused:
            refused_put(path, refused)
        else:
            path.unlink()
    return new


def _record(uses: Uses, *, tenant_id: str) -> tuple[int, Uses]:
    """Record what can be; return how many were new, and those that cannot be recorded.

    One bad use must not keep the others out of the ledger, so a batch that is refused is halved.
    """
    try:
        with tenant_scope(tenant_id):
            return usage_record_many([usage for _line, usage in uses], tenant_id=tenant_id), []
    except Tenant.DoesNotExist:
        logger.exception("usage_not_drained", tenant_id=tenant_id)
        return 0, uses
    except (UsageConflict, DataError, IntegrityError):
        if len(uses) == 1:
            logger.exception("usage_not_drained", tenant_id=tenant_id)
            return 0, uses
    middle = len(uses) // 2
    new, left = _record(uses[:middle], tenant_id=tenant_id)
    more, left_too = _record(uses[middle:], tenant_id=tenant_id)
    return new + more, left + left_too


def _clock_noted(path: Path) -> Path:
    """Write into the file's name, once, how far this machine's clock is ahead of the database's.

    Bills follow the database's clock, and a second drain must come to the same moments.
    """
    if "@" in path.name:
        return path
    ahead_s = round(time.time() - database_now().timestamp())
    noted = path.with_name(f"{path.name}@{ahead_s}")
    path.rename(noted)
    killpoint("drain.noted")
    return noted


def _facts(file: BinaryIO, name: str) -> tuple[Facts, Counter[bytes]]:
    """Return the uses by tenant, equal lines summed, and the lines that cannot be read."""
    lines, _newline, torn = file.read().rpartition(b"\n")
    if torn:
        # Its writer was never told that it is kept, so nobody was answered.
        logger.warning("usage_line_torn", file=name)
    segment, _at, ahead_s = name.partition("@")
    facts: Facts = defaultdict(list)
    damaged: Counter[bytes] = Counter()
    for line, qty in Counter(lines.split(b"\n") if lines else []).items():
        use = line_read(line)
        if use is None:
            logger.error("usage_line_damaged", file=name, line=line[:200])
            damaged[line] = qty
            continue
        usage = Usage(
            source=SOURCE,
            event_id=f"{segment}:{use.at_s:010}:{use.meter}:{use.api_key_id}",
            meter=use.meter,
            qty=qty,
            occurred_at=datetime.fromtimestamp(use.at_s - int(ahead_s), UTC),
            api_key_id=use.api_key_id,
        )
        facts[use.tenant_id].append((line, usage))
    return facts, damaged
