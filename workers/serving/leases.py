"""The leases of the predictions this process works on, renewed by one thread for all."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from modelmill.inference.lifecycle import predictions_renew
from modelmill.inference.models import Prediction

logger = structlog.get_logger(__name__)

# How many turns a lease outlives.
_TURNS = 6


class Watch:
    """What the platform wants of one running prediction."""

    def __init__(self, fence: int) -> None:
        """Begin with a lease and no wish to stop."""
        self.fence = fence
        self.is_lost = False
        self.is_cancelled = False


class Leases:
    """Keeps the leases of a process's predictions, and hears from the database who should stop."""

    def __init__(self, *, also: Callable[[], None]) -> None:
        """Call ``also`` at each turn; the thread begins with the first prediction."""
        self._also = also
        self._every_s = settings.PREDICTION_LEASE_S / _TURNS
        self._watches: dict[str, Watch] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._end = threading.Event()

    @contextmanager
    def watch(self, prediction: Prediction) -> Iterator[Watch]:
        """Keep the prediction's lease for the length of the block."""
        watch = Watch(prediction.fence)
        with self._lock:
            self._watches[prediction.id] = watch
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
        try:
            yield watch
        finally:
            with self._lock:
                self._watches.pop(prediction.id, None)

    def renew(self) -> None:
        """Renew all leases once, and mark what was lost or is to stop."""
        with self._lock:
            watches = dict(self._watches)
        if not watches:
            return
        lost, cancelled = predictions_renew({key: watch.fence for key, watch in watches.items()})
        for key, watch in watches.items():
            watch.is_lost = watch.is_lost or key in lost
            watch.is_cancelled = watch.is_cancelled or key in cancelled

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._every_s):
            try:
                close_old_connections()
                self.renew()
            except DatabaseError:
                # The lease outlives several turns; a database that stays away
                # ends it, and the fence then refuses our result.
                logger.warning("leases_not_renewed", exc_info=True)
            self._also()
        connection.close()
