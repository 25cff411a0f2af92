"""Run the installation until Ctrl-C."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from deploy.launch.installation import Installation, StartFailed
from deploy.launch.services import ROOT

_HELP = """Run Modelmill on this machine until Ctrl-C, as `make run` does. Settings come from the
environment: MODELMILL_PORT is the web server's port (8000 unless set, another where that is taken),
MODELMILL_VAR_DIR the folder of data and logs; docs/operators/settings.md names them all."""


def main() -> int:
    """Start, say where it is, and watch; return 1 when a process ended by itself."""
    argparse.ArgumentParser(prog="python -m deploy.launch", description=_HELP).parse_args()
    interruptible()
    var = Path(os.environ.get("MODELMILL_VAR_DIR", ROOT / "var"))
    print("Starting Modelmill …", flush=True)
    try:
        with Installation(var) as mill:
            print(f"Modelmill is at {mill.url}  (logs in {mill.logs}; Ctrl-C ends it)", flush=True)
            return watch(mill)
    except StartFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEnded.", flush=True)
        return 0


def interruptible() -> None:
    """Let SIGTERM and SIGHUP end this process the way Ctrl-C does: with everything cleaned up.

    SIGINT, too, where whoever started it had it ignored, as a shell's script does with ``&``.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, interrupt)


def watch(mill: Installation) -> int:
    """Wait until Ctrl-C, which raises, or until a process ends by itself: then return 1."""
    while True:
        name = mill.dead()
        if name is not None:
            log = mill.logs / f"{name}.log"
            said = f"{name} {mill.ending(name)}. The end of {log}:\n{mill.log(name)[-2000:]}"
            print(said, file=sys.stderr)
            return 1
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
