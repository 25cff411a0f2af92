"""Counted uses that could not be recorded: put aside for a person, bounded, and never unseen."""

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings

from modelmill.metering.spool import PREFIX, line_read

logger = structlog.get_logger(__name__)

SUFFIX: Final = ".refused"


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A file that was put aside: its uses by (tenant id, meter), and its lines that are none."""

    path: Path
    at: datetime
    uses: Counter[tuple[str, str]]
    damaged: int


def refused_put(path: Path, lines: Mapping[bytes, int]) -> None:
    """Put aside what of a file could not be recorded, each line as often as it was there.

    The file goes. When we die in between it is still there, and drained to the same end.
    """
    aside = path.with_name(path.name + SUFFIX)
    draft = path.with_name(f".{path.name}")
    with draft.open("wb") as file:
        file.writelines((line + b"\n") * times for line, times in lines.items())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(aside)
    path.unlink()
    with suppress(FileNotFoundError):
        _say("usage_refused", _read(aside))
    _bound()


def refused_count() -> int:
    """Return how many files lie aside on this machine."""
    return len(_paths())


def refused_list() -> list[Refused]:
    """Return what lies aside on this machine, the oldest first."""
    held = []
    for path in _paths():
        with suppress(FileNotFoundError):
            held.append(_read(path))
    return held


def refused_retry() -> int:
    """Let the next drain take in again what lies aside; return how many files that are.

    What was recorded meanwhile has the same id, and is not recorded twice.
    """
    count = 0
    for path in _paths():
        # Not renamed, which would replace a file that is being drained and is about to go.
        with suppress(FileNotFoundError, FileExistsError):
            path.with_suffix("").hardlink_to(path)
            path.unlink()
            count += 1
    return count


def _paths() -> list[Path]:
    # Their names begin with the moment they were made at.
    return sorted(settings.USAGE_SPOOL_DIR.glob(f"{PREFIX}-*{SUFFIX}"))


def _read(path: Path) -> Refused:
    uses: Counter[tuple[str, str]] = Counter()
    damaged = 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        use = line_read(line)
        if use is None:
            damaged += 1
        else:
            uses[use.tenant_id, use.meter] += 1
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Refused(path=path, at=at, uses=uses, damaged=damaged)


def _bound() -> None:
    """Delete the oldest beyond what the installation keeps; the log has what they held."""
    paths = _paths()
    for path in paths[: max(0, len(paths) - settings.USAGE_REFUSED_MAX)]:
        # Another process may be at it as well.
        with suppress(FileNotFoundError):
            _say("usage_refused_deleted", _read(path))
            path.unlink()


def _say(event: str, held: Refused) -> None:
    uses = {f"{tenant_id} {meter}": times for (tenant_id, meter), times in held.uses.items()}
    logger.error(event, file=held.path.name, uses=uses, damaged=held.damaged)
