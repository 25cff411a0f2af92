"""A process of a training on several devices other than the first: ``python -m … REPORT_FD``."""

import os
import signal
import sys
import threading
import traceback

from modelmill_sdk.errors import Cancelled
from modelmill_sdk.framing import frame_read, frame_write
from modelmill_sdk.host.failures import failure_message
from modelmill_sdk.host.serving import installed_find
from modelmill_sdk.host.training import run_make
from modelmill_sdk.protocol import (
    Message,
    Progress,
    StopReason,
    TrainDone,
    TrainStart,
    message_encode,
    to_child_decode,
)
from modelmill_sdk.runs import TrainRun

_STDIN = 0


class Silent:
    """Hears nothing and tells nobody: the first process speaks for all."""

    progress_interval_s = 3600.0

    def tell(self, message: Message) -> None:
        """Drop the message."""

    def stop_reason(self) -> StopReason | None:
        """Say None: whoever stops the training ends this process."""

    def is_aborted(self, request_id: str) -> bool:
        """Say no."""
        return False


def main() -> None:
    """Train as the first process does, told by a frame on standard input, and tell how it ended."""
    # A terminal's Ctrl-C reaches every process; what it means the first one says.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # So may a SIGTERM that is meant for the worker; a handler is not inherited, ignoring it is.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    signal.siginterrupt(signal.SIGTERM, False)
    report_fd = int(sys.argv[1])
    os.set_inheritable(report_fd, False)
    payload = frame_read(_STDIN)
    if payload is None:
        return
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start = to_child_decode(payload)
    assert isinstance(start, TrainStart)
    rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    try:
        plugin = installed_find(start)
        run = run_make(plugin, start, Silent(), rank=rank, world_size=world_size)
        plugin.train(run)
        _queue_finish()
        last, code = message_encode(_returned(run)), 0
    except (Exception, SystemExit, Cancelled) as error:
        traceback.print_exc()
        last, code = message_encode(failure_message(error)), 1
    frame_write(report_fd, last)
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: what the plugin left behind could hold an orderly end up, or break it.
    os._exit(code)


def _returned(run: TrainRun) -> Message:
    """Tell of a return from ``train``: before the last step it is how far the process came."""
    if run.step < run.total:
        return Progress(step=run.step, total=run.total)
    return TrainDone(step=run.step)


def _queue_finish() -> None:
    """Let a GPU do what it was asked for: others wait for its part."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _end_with_parent() -> None:
    os.read(_STDIN, 1)
    os._exit(0)


if __name__ == "__main__":
    main()
