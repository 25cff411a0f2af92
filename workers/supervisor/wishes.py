"""What is wished of a running attempt, and how the plugin's process is told."""

import time

from django.conf import settings
from modelmill.training.models import Job
from modelmill.training.sayings import Said
from modelmill.training.services import quote_is_due
from modelmill.training.states import Desired, State
from modelmill_sdk.protocol import Stop, StopReason

from workers.hosts import HostProcess
from workers.supervisor.draining import drain_asked
from workers.supervisor.keeper import Keeper
from workers.supervisor.notebook import Notebook

# How long a plugin has from the wish to stop to its next checkpoint.
STOP_GRACE_S = 25.0
# To its next step, when nothing is kept of it: with the look for wishes before it and the end of
# the process after it, the device is free within ten seconds.
CANCEL_GRACE_S = 3.0


class Wishes:
    """Reads them from the keeper, the worker and the quote; the strongest counts."""

    def __init__(self, job: Job, *, keeper: Keeper, notebook: Notebook) -> None:
        """Nothing was told the plugin yet."""
        self._job = job
        self._keeper = keeper
        self._notebook = notebook
        self._told: StopReason | None = None
        self._told_at = 0.0
        self._is_finishing = False
        self._trains_since = 0.0
        self._devices = 1
        # What the job becomes, once the plugin was told to stop.
        self.stop_state: State | None = None

    @property
    def newest(self) -> StopReason | None:
        """What is wished now, if anything is."""
        if self._keeper.desired == Desired.CANCEL:
            return "cancel"
        if self._keeper.desired in (Desired.PAUSE, Desired.YIELD) or drain_asked():
            return "pause"
        if self._keeper.desired == Desired.FINISH:
            return "finish"
        return "pause" if self._is_quoted else None

    @property
    def becomes(self) -> State:
        """What the job becomes; a customer's wish counts more than the worker's end."""
        known = {
            Desired.CANCEL: State.CANCELLED,
            Desired.PAUSE: State.PAUSED,
            Desired.FINISH: State.QUEUED,
        }
        return known.get(self._keeper.desired, State.PAUSED if self._is_quoted else State.QUEUED)

    def is_to_stop(self) -> bool:
        """Say whether to go no further: what has not trained yet has nothing to keep."""
        return self.newest in ("cancel", "pause")

    def is_cancelled(self) -> bool:
        """Say whether nothing more of the training is wanted."""
        return self.newest == "cancel"

    def train_from_now(self, *, devices: int) -> None:
        """Count the free steps' time from here."""
        self._trains_since, self._devices = time.monotonic(), devices

    def obey(self, host: HostProcess) -> bool:
        """Pass a wish to stop on, once; say whether the plugin's time to follow it is over."""
        wish = self.newest
        if wish is None:
            return False
        if wish == "finish":
            self.finish(host)
            return False
        # A pause may take until the next checkpoint; who cancels meanwhile waits for none.
        if self._told is None or (wish == "cancel" and self._told != wish):
            self._told, self._told_at = wish, time.monotonic()
            self.stop_state = self.becomes
            host.send(Stop(reason=wish))
        grace_s = CANCEL_GRACE_S if self._told == "cancel" else STOP_GRACE_S
        return time.monotonic() - self._told_at > grace_s

    def finish(self, host: HostProcess) -> None:
        """Ask the plugin, once, for a model of what it has learnt so far."""
        if self._is_finishing:
            return
        self._is_finishing = True
        if "finish" in host.stops:
            host.send(Stop(reason="finish"))
        else:
            self._notebook.say(Said.TRAINS_ON)

    @property
    def _is_quoted(self) -> bool:
        """Whether the first steps, that nobody pays for, have told what they can."""
        if not self._job.quote_first:
            return False
        if self._job.quote_step is not None:
            # An attempt before this one told it, and died before it stopped.
            return True
        if not self._trains_since:
            return False
        notebook = self._notebook
        # Attempts before this one had their part of it, and each device has its own.
        within_s = (settings.QUOTE_WITHIN_S - self._job.free_ms / 1000) / self._devices
        is_late = time.monotonic() - self._trains_since > within_s
        return is_late or quote_is_due(notebook.pace, total_steps=notebook.total_steps)
