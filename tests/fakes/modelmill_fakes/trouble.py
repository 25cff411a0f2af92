"""A plugin that misbehaves in the way it is asked to."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk import CustomerError, Params, PredictRun
from modelmill_sdk.protocol import Chunk, Count, Result
from pydantic import Field

from modelmill_fakes.answering import Made


class Trouble(Made):
    """Does what ``do`` says."""

    id = "fake-trouble"

    class Input(Params):
        do: str = Field(description="The name of a method below, without its underscore.")
        mark: str = Field(default="", description="A file whose presence ends the trouble.")

    def predict(
        self, model: Path, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[Any]:
        """Make the trouble."""
        self.mark = inputs[0].mark
        return [getattr(self, f"_{one.do}")(run) for one in inputs]

    def _customer(self, run: PredictRun) -> str:
        raise CustomerError("This picture is too small.", param="inputs.0.do")

    def _memory(self, run: PredictRun) -> str:
        raise CustomerError("This picture is too large.", code="out_of_memory")

    def _author(self, run: PredictRun) -> str:
        raise KeyError("secret detail")

    def _quit(self, run: PredictRun) -> str:
        sys.exit(3)

    def _die(self, run: PredictRun) -> str:
        sys.stderr.write("last words\n")
        os.kill(os.getpid(), signal.SIGKILL)
        return "dead"

    def _die_unmarked(self, run: PredictRun) -> str:
        if not Path(self.mark).exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return "alive"

    def _crash(self, run: PredictRun) -> str:
        ctypes.string_at(0)
        return "crashed"

    def _flood(self, run: PredictRun) -> str:
        for _ in range(200):
            sys.stdout.write("x" * 100_000)
            os.write(2, b"y" * 100_000)
        return "flooded"

    def _environment(self, run: PredictRun) -> dict[str, Any]:
        return {"environment": dict(os.environ), "cwd": str(Path.cwd()), "uid": os.getuid()}

    def _descriptors(self, run: PredictRun) -> dict[str, Any]:
        links = Path("/proc/self/fd").iterdir()
        return {"descriptors": {link.name: os.path.realpath(link) for link in links}}

    def _eat(self, run: PredictRun) -> str:
        # Random, as the kernel may keep equal pages once; held until it is ended for them.
        self.eaten = [bytearray(os.urandom(1 << 20) * 16) for _ in range(16)]
        return self._hang(run)

    def _hang(self, run: PredictRun) -> str:
        time.sleep(3600)
        return "hung"

    def _hold(self, run: PredictRun) -> str:
        """Sleep without giving up Python's lock, as a busy C library would."""
        ctypes.PyDLL(None).sleep(3600)
        return "held"

    def _grandchild(self, run: PredictRun) -> str:
        return str(subprocess.Popen(["sleep", "3600"]).pid)

    def _escape(self, run: PredictRun) -> str:
        return str(subprocess.Popen(["sleep", "3600"], start_new_session=True).pid)

    def _end_child(self, run: PredictRun) -> str:
        """Fork, as a pool of processes does, and end the child as one does."""
        if (child := os.fork()) == 0:
            time.sleep(3600)
        os.kill(child, signal.SIGTERM)
        return str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    def _nul(self, run: PredictRun) -> str:
        return "before\0after"

    def _outside(self, run: PredictRun) -> Path:
        return Path("/etc/hostname")

    def _raw(self, run: PredictRun) -> str:
        """Write rubbish on every pipe there is, as a hostile plugin might."""
        # A host keeps its numbers from its parent, who may have many files open.
        for fd in range(3, 4096):
            try:
                os.write(fd, b"\xff\xff\xff\xffrubbish")
            except OSError:
                continue
        return "written"

    def _huge(self, run: PredictRun) -> str:
        return "x" * (9 * 1024 * 1024)

    def _endless(self, run: PredictRun) -> str:
        """Tell more than an answer may have, each piece for itself no longer than is allowed."""
        while True:
            run._listener.tell(Chunk(request_id=run.request_id, index=0, text="x" * (1 << 20)))

    def _stranger(self, run: PredictRun) -> str:
        run._listener.tell(Result(request_id=run.request_id, index=9, kind="text", text="for you"))
        return "answered"

    def _counting(self, run: PredictRun) -> str:
        for number in range(1_000):
            run._listener.tell(Count(request_id=run.request_id, meter=f"m{number}", qty=1))
        return "counted"

    def _meter(self, run: PredictRun) -> str:
        run.count("gpu_ms", 1)
        return "counted"

    def _number(self, run: PredictRun) -> Any:
        return 42
