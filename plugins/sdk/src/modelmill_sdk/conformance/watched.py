"""The process under check: ``python -m modelmill_sdk.conformance.watched``.

The platform's own host, with a watch on what the plugin does, and with a hand that stops or kills
it at a step that the kit has chosen.
"""

import argparse
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from modelmill_sdk.conformance.orders import Orders
from modelmill_sdk.conformance.sightings import HEAVY, Watch
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
    Manifests,
    Message,
    Progress,
    Started,
    Stop,
    TrainDone,
)


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
        super().tell(message)
        if isinstance(message, Progress):
            self._reports += 1
            self._obey()
        if isinstance(message, CheckpointSaved):
            self._checkpoints += 1
        if isinstance(message, Manifests):
            for name in HEAVY:
                if name in sys.modules:
                    self._watch.tell("heavy", name)

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


def main() -> None:
    """Serve the kit on the inherited pipes, until it closes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--read-fd", "--write-fd", "--report-fd", "--max-batch"):
        parser.add_argument(name, type=int, default=0)
    parser.add_argument("--orders", type=Path, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--writable", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    for fd in (options.read_fd, options.write_fd, options.report_fd):
        os.set_inheritable(fd, False)
    watch = Watch(options.report_fd, writable=options.writable)
    control = WatchedControl(
        read_fd=options.read_fd, write_fd=options.write_fd, watch=watch, orders=options.orders
    )
    control.listen()
    watch.begin()
    one = _OnePlugin(Target.decode(options.target), max_batch=options.max_batch)
    serve(control, find=one.find, describe=one.describe)


class _OnePlugin:
    """The only plugin there is, for this process."""

    def __init__(self, target: Target, *, max_batch: int) -> None:
        self._target = target
        self._max_batch = max_batch

    def find(self, plugin_id: str) -> Plugin:
        plugin = target_load(self._target)()
        if self._max_batch:
            # On the instance alone, where the host reads it.
            vars(plugin)["max_batch"] = self._max_batch
        return plugin

    def describe(self, **_: Any) -> Manifests:
        began = time.monotonic()
        try:
            plugin = target_load(self._target)
            manifest = manifest_make(plugin, entry_point=target_entry_point(self._target))
        except (Exception, SystemExit) as error:
            broken = Broken(
                entry_point=self._target.name, distribution="", traceback=traceback_text(error)
            )
            return Manifests(broken=[broken])
        sys.stderr.write(f"described in {time.monotonic() - began:.3f} s\n")
        return Manifests(items=[manifest])


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
