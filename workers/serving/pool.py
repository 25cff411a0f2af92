"""The pool of warm hosts: one for each model version, the least used closed for room."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import structlog
from modelmill.core.ids import new_id
from modelmill.core.scratch import folder_clear

from workers.hosts import HostSpec, Isolation
from workers.releases import Named
from workers.serving.hosts import WarmHost

logger = structlog.get_logger(__name__)

# A Python process with a numeric library in it, before any weights.
_BARE_BYTES = 256 << 20
_TICK_S = 0.25


@dataclass
class _Slot:
    """A model version's place: whoever holds the lock uses, loads or closes its host."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    host: WarmHost | None = None
    used_at_s: float = 0.0
    last_rss_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A model to be loaded: what it is called here, and how to load it."""

    key: str
    named: Named
    model_dir: Callable[[], Path]
    size_bytes: int = 0
    python: Path | None = None
    python_paths: tuple[Path, ...] = ()
    isolation: Isolation = field(default_factory=Isolation)


class HostPool:
    """Warm hosts within a memory budget, measured and not guessed."""

    def __init__(
        self,
        root: Path,
        *,
        budget_bytes: int,
        idle_s: float,
        threads: int = 1,
        device: str = "cpu",
        warm_imports: tuple[str, ...] = (),
    ) -> None:
        """Keep the hosts' own folders under ``root``, and close a host unused for ``idle_s``."""
        self._root = root / str(os.getpid())
        self._budget_bytes = budget_bytes
        self._idle_s = idle_s
        self._threads = threads
        self._device = device
        self._warm_imports = warm_imports
        self._slots: dict[str, _Slot] = {}
        self._lock = threading.Lock()
        _leftovers_remove(root)

    @contextmanager
    def host(self, wanted: Wanted, *, check: Callable[[], None]) -> Iterator[tuple[WarmHost, bool]]:
        """Lend the model's host for one prediction, with whether it was warm already.

        Waits for its turn, calling ``check``, which may raise to give up. A
        host that died, before or meanwhile, is replaced by the next caller.
        """
        with self._lock:
            slot = self._slots.setdefault(wanted.key, _Slot())
        while not slot.lock.acquire(timeout=_TICK_S):
            check()
        try:
            is_warm = slot.host is not None and slot.host.is_alive
            if not is_warm:
                self._load(slot, wanted, check=check)
            assert slot.host is not None
            yield slot.host, is_warm
        finally:
            self._settle(slot)
            slot.lock.release()
        self._make_room(0)

    def close_idle(self) -> None:
        """Close the hosts that nobody has used for a while."""
        before = time.monotonic() - self._idle_s
        for slot in self._loaded():
            if slot.used_at_s < before:
                self._close(slot)

    def close(self) -> None:
        """Close every host that is not in use."""
        for slot in self._loaded():
            self._close(slot)
        # Not while one of them is still in use.
        with suppress(OSError):
            self._root.rmdir()

    def rss_bytes(self) -> int:
        """Return the memory of all hosts, as last measured."""
        return sum(slot.host.rss_bytes for slot in self._loaded() if slot.host is not None)

    def _load(self, slot: _Slot, wanted: Wanted, *, check: Callable[[], None]) -> None:
        if slot.host is not None:
            slot.host.close()
            slot.host = None
        model_dir = wanted.model_dir()
        self._make_room(slot.last_rss_bytes or _BARE_BYTES + wanted.size_bytes)
        spec = HostSpec(
            scratch_dir=self._root / new_id("host"),
            threads=self._threads,
            device=self._device,
            python=wanted.python,
            python_paths=wanted.python_paths,
            warm_imports=self._warm_imports,
            readable=(model_dir,),
            **wanted.isolation,
        )
        slot.host = WarmHost.load(spec, named=wanted.named, model_dir=model_dir, check=check)
        logger.info("host_loaded", key=wanted.key, load_ms=slot.host.load_ms)

    def _settle(self, slot: _Slot) -> None:
        slot.used_at_s = time.monotonic()
        if slot.host is not None and slot.host.is_alive:
            slot.last_rss_bytes = slot.host.measure()

    def _make_room(self, needed_bytes: int) -> None:
        """Close the least recently used hosts until the budget holds; those in use stay."""
        for slot in self._loaded():
            if self.rss_bytes() + needed_bytes <= self._budget_bytes:
                return
            self._close(slot)

    def _loaded(self) -> list[_Slot]:
        """The slots with a host, least recently used first."""
        with self._lock:
            slots = [slot for slot in self._slots.values() if slot.host is not None]
        return sorted(slots, key=lambda slot: slot.used_at_s)

    def _close(self, slot: _Slot) -> None:
        if not slot.lock.acquire(blocking=False):
            return
        try:
            if slot.host is not None:
                slot.host.close()
                slot.host = None
        finally:
            slot.lock.release()


def _leftovers_remove(root: Path) -> None:
    """Delete the folders of worker processes that are no more."""
    for folder in root.glob("[0-9]*"):
        if not psutil.pid_exists(int(folder.name)):
            folder_clear(folder)
