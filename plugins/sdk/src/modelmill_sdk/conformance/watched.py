"""The process under check: ``python -m modelmill_sdk.conformance.watched``.

The platform's own host, with a watch on what the plugin does, and with a hand that stops or kills
it at a step that the kit has chosen.
"""

import json
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from modelmill_sdk.conformance.orders import Orders
from modelmill_sdk.conformance.sightings import HEAVY, LEARNABLE, Watch
from modelmill_sdk.conformance.targets import (
    Target,
    target_entry_point,
    target_load,
)
from modelmill_sdk.describing import manifest_make
from modelmill_sdk.host.control import Control
from modelmill_sdk.host.failures import traceback_text
from modelmill_sdk.host.serving import serve
from modelmill_sdk.manifest import Broken
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import (
    CheckpointSaved,
    Describe,
    Failed,
    Loaded,
    Manifests,
    Message,
    PluginWork,
    PredictDone,
    Progress,
    Started,
    Stop,
    TrainDone,
    ValidateDone,
)
from modelmill_sdk.runs import Listener

# What ends one piece of work.
ENDINGS = (TrainDone, Loaded, PredictDone, ValidateDone, Manifests, Failed)


class WatchedControl(Control):
    """Sends every step's progress, and carries out the kit's orders at the very step."""

    progress_interval_s = 0.0

    def __init__(self, *, read_fd: int, write_fd: int, watch: Watch, orders: Path) -> None:
        """Take the pipe ends, the watch, and the file that orders are read from."""
        super().__init__(read_fd=read_fd, write_fd=write_fd)
        self._watch = watch
        self._orders_file = orders
        self._orders = Orders()
        self._reports = self._checkpoints = 0
        self._began_at = self._began_cpu_s = 0.0

    def tell(self, message: Message) -> None:
        """Write one message, then do what was ordered for this moment."""
        if isinstance(message, Started):
            self._orders = Orders.read(self._orders_file)
            self._reports = self._checkpoints = 0
            self._began_at, self._began_cpu_s = time.monotonic(), _cpu_s()
        if isinstance(message, TrainDone):
            self._tell_work()
        if isinstance(message, Manifests):
            for name in HEAVY:
                if name in sys.modules:
                    self._watch.tell("heavy", name)
        if isinstance(message, ENDINGS):
            self._watch.mark()
        super().tell(message)
        if isinstance(message, Progress):
            self._reports += 1
            self._obey()
        if isinstance(message, CheckpointSaved):
            self._checkpoints += 1

    def _obey(self) -> None:
        orders = self._orders
        if orders.kill_after_checkpoints and self._checkpoints >= orders.kill_after_checkpoints:
            os.kill(os.getpid(), signal.SIGKILL)
        if orders.stop and self._reports == orders.stop_at_report:
            # The very way that a stop from the pipe takes.
            self._take(Stop(reason=orders.stop))

    def _tell_work(self) -> None:
        wall_s = time.monotonic() - self._began_at
        cores = (_cpu_s() - self._began_cpu_s) / wall_s if wall_s > 1 else 0.0
        torch = sys.modules.get("torch")
        threads = torch.get_num_threads() if torch is not None else 0
        self._watch.tell("work", f"{threads} {cores:.2f}")
        for name in LEARNABLE:
            if name in sys.modules:
                self._watch.tell("import", name)


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """What a watched process is told when it starts."""

    target: Target
    orders: Path
    writable: tuple[Path, ...]
    max_batch: int = 0

    def encode(self) -> str:
        """Give it as one JSON text."""
        values = {
            "target": self.target.encode(),
            "orders": str(self.orders),
            "writable": list(map(str, self.writable)),
            "max_batch": self.max_batch,
        }
        return json.dumps(values)

    @classmethod
    def decode(cls, text: str) -> "WatchSettings":
        """Read what ``encode`` gave."""
        values = json.loads(text)
        return cls(
            target=Target.decode(values["target"]),
            orders=Path(values["orders"]),
            writable=tuple(map(Path, values["writable"])),
            max_batch=values["max_batch"],
        )


def watch_serve(settings: WatchSettings, read_fd: int, write_fd: int, report_fd: int) -> NoReturn:
    """Serve the kit on these pipes, until it closes them."""
    for fd in (read_fd, write_fd, report_fd):
        os.set_inheritable(fd, False)
    watch = Watch(report_fd, writable=settings.writable)
    control = WatchedControl(
        read_fd=read_fd, write_fd=write_fd, watch=watch, orders=settings.orders
    )
    control.listen()
    watch.begin()
    one = _OnePlugin(settings.target, max_batch=settings.max_batch)
    serve(control, find=one.find, describe=one.describe)


class _OnePlugin:
    """The only plugin there is, for this process."""

    def __init__(self, target: Target, *, max_batch: int) -> None:
        self._target = target
        self._max_batch = max_batch

    def find(self, work: PluginWork) -> Plugin:
        plugin = target_load(self._target)()
        if self._max_batch:
            # On the instance alone, where the host reads it.
            vars(plugin)["max_batch"] = self._max_batch
        return plugin

    def describe(self, work: Describe, listener: Listener) -> Manifests:
        try:
            plugin = target_load(self._target)
            manifest = manifest_make(plugin, entry_point=target_entry_point(self._target))
        except (Exception, SystemExit) as error:
            broken = Broken(
                entry_point=self._target.name, distribution="", traceback=traceback_text(error)
            )
            return Manifests(broken=[broken])
        return Manifests(items=[manifest])


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    watch_serve(WatchSettings.decode(sys.argv[1]), *map(int, sys.argv[2:5]))
