"""Taking files of counted uses to the ledger, each use once, whoever died in between.

Everything an event says comes from its file, which nobody writes any more, and from the file's
name: a second drain finds the same ids with the same bodies, and adds nothing.
"""

import os
import re
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
from modelmill.metering.services import usage_record_many
from modelmill.metering.spool import PREFIX, lock_take
from modelmill.tenants.models import Tenant

logger = structlog.get_logger(__name__)

SOURCE: Final = "counted"
_BATCH = 1_000
_REFUSED = ".refused"

# A power cut may leave anything in a file, and no database takes everything.
_LINE = re.compile(rb"\d{10}\t[\w-]{1,40}\t\w{1,40}\t[\w-]{0,40}", re.ASCII)

Facts = dict[str, list[Usage]]


def usage_drain() -> int:
    """Record what lies in this machine's files that nobody writes; return how many events are new.

    A file goes when the ledger has all of it. One with something in it that cannot be recorded
    is put aside under another name, for a person to read; the rest of it is recorded.
    """
    folder: Path = settings.USAGE_SPOOL_DIR
    paths = sorted(folder.glob(f"{PREFIX}-*"))
    return sum(_file_drain(path) for path in paths if path.suffix != _REFUSED)


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
        facts, is_whole = _facts(file, path.name)
        new = 0
        for tenant_id, usages in facts.items():
            try:
                with tenant_scope(tenant_id):
                    for at in range(0, len(usages), _BATCH):
                        new += usage_record_many(usages[at : at + _BATCH], tenant_id=tenant_id)
            except (UsageConflict, Tenant.DoesNotExist, DataError, IntegrityError):
                logger.exception("usage_not_drained", file=path.name, tenant_id=tenant_id)
                is_whole = False
        killpoint("drain.recorded")
        if is_whole:
            path.unlink()
        else:
            path.rename(path.with_name(path.name + _REFUSED))
    return new


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


def _facts(file: BinaryIO, name: str) -> tuple[Facts, bool]:
    """Return the uses by tenant, equal lines summed, and whether every line could be read."""
    lines, _newline, torn = file.read().rpartition(b"\n")
    if torn:
        # Its writer was never told that it is kept, so nobody was answered.
        logger.warning("usage_line_torn", file=name)
    segment, _at, ahead_s = name.partition("@")
    facts: Facts = defaultdict(list)
    is_whole = True
    for line, qty in Counter(lines.split(b"\n") if lines else []).items():
        if _LINE.fullmatch(line) is None:
            logger.error("usage_line_damaged", file=name, line=line[:200])
            is_whole = False
            continue
        at_s, tenant_id, meter, api_key_id = line.decode().split("\t")
        facts[tenant_id].append(
            Usage(
                source=SOURCE,
                event_id=f"{segment}:{at_s}:{meter}:{api_key_id}",
                meter=meter,
                qty=qty,
                occurred_at=datetime.fromtimestamp(int(at_s) - int(ahead_s), UTC),
                api_key_id=api_key_id,
            )
        )
    return facts, is_whole
