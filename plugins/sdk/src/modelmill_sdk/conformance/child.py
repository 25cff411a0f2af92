"""One watched process, and our ends of its pipes."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import modelmill_sdk
from modelmill_sdk.conformance.scratch import Scratch
from modelmill_sdk.conformance.targets import Target
from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.framing import frame_read, frame_write
from modelmill_sdk.protocol import (
    Failed,
    FromChild,
    Loaded,
    Manifests,
    Message,
    PredictDone,
    ToChild,
    TrainDone,
    ValidateDone,
    from_child_decode,
    message_encode,
)

# Whatever a plugin may depend on passes: the operator's base models, the locale, GPUs.
_PASSED_ON = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "MODELMILL_BASE_MODELS")
_ENDINGS = (TrainDone, Loaded, PredictDone, ValidateDone, Manifests, Failed)
_TAIL_BYTES = 8_000
_END_S = 3.0


@dataclass(frozen=True)
class Sighting:
    """One thing the watched process was seen to do."""

    kind: str
    what: str


@dataclass
class Answer:
    """What came back for one piece of work, and how it ended."""

    messages: list[FromChild] = field(default_factory=list)
    took_s: float = 0.0
    # None when the process died, or did not end in time.
    end: FromChild | None = None
    death: str = ""

    def of(self, kind: type[Message]) -> list[Message]:
        """Give the messages of one kind, in order."""
        return [message for message in self.messages if isinstance(message, kind)]


class Child:
    """A process that runs the plugin under check; leaving it as a context ends the process."""

    def __init__(
        self, target: Target, scratch: Scratch, *, max_batch: int = 0, threads: int = 1
    ) -> None:
        """Start it, and wait until it is ready; ``max_batch`` overrules the plugin's own."""
        self.orders = scratch.orders_file()
        child_read, self._write_fd = os.pipe()
        self._read_fd, child_write = os.pipe()
        self._report_fd, child_report = os.pipe()
        output_read, child_output = os.pipe()
        fds = {"--read-fd": child_read, "--write-fd": child_write, "--report-fd": child_report}
        command = [sys.executable, "-P", "-m", "modelmill_sdk.conformance.watched"]
        for name, fd in fds.items():
            command += [name, str(fd)]
        command += ["--max-batch", str(max_batch), "--orders", str(self.orders)]
        command += ["--target", target.encode(), "--writable", *map(str, scratch.writable)]
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=child_output,
            stderr=child_output,
            cwd=scratch.home,
            env=_environment(target, scratch, threads=threads),
            pass_fds=tuple(fds.values()),
            start_new_session=True,
        )
        for fd in (*fds.values(), child_output):
            os.close(fd)
        self.sightings: list[Sighting] = []
        self.output_bytes = 0
        self._tail = b""
        self._threads = [
            threading.Thread(target=self._read_output, args=(output_read,), daemon=True),
            threading.Thread(target=self._read_sightings, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self.ready = self._receive(time.monotonic() + 60)

    def ask(self, work: ToChild, *, timeout_s: float) -> Answer:
        """Send work, and collect what comes until it is done, dead or out of time."""
        answer, began = Answer(), time.monotonic()
        try:
            frame_write(self._write_fd, message_encode(work))
            while answer.end is None:
                message = self._receive(began + timeout_s)
                answer.messages.append(message)
                if isinstance(message, _ENDINGS):
                    answer.end = message
        except TimeoutError:
            answer.death = f"It did not end within {timeout_s:g} s."
            self.kill()
        except (ProtocolError, OSError) as error:
            code = self._popen.wait()
            by = f"signal {-code}" if code < 0 else f"exit status {code}"
            answer.death = f"The process ended by {by} ({error})\n{self.tail()}"
        answer.took_s = time.monotonic() - began
        return answer

    def tail(self) -> str:
        """Give the last of what it printed."""
        return self._tail.decode("utf-8", "replace").strip()

    def close(self) -> str | None:
        """Hang up; say what was wrong with how it ended, None if it left within three seconds."""
        with contextlib.suppress(OSError):
            os.close(self._write_fd)
        late = None
        try:
            self._popen.wait(_END_S)
        except subprocess.TimeoutExpired:
            late = f"The process was still there {_END_S:g} s after its pipe had ended."
        left = None if late or not _group_lives(self._popen.pid) else "It left processes behind."
        self.kill()
        for thread in self._threads:
            thread.join(_END_S)
        with contextlib.suppress(OSError):
            os.close(self._read_fd)
        return late or left

    def kill(self) -> None:
        """End the process and whatever it started, now."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self, deadline: float) -> FromChild:
        readable, _, _ = select.select([self._read_fd], [], [], max(0, deadline - time.monotonic()))
        if not readable:
            raise TimeoutError
        payload = frame_read(self._read_fd)
        if payload is None:
            raise ProtocolError("its pipe ended")
        return from_child_decode(payload)

    def _read_output(self, fd: int) -> None:
        while part := os.read(fd, 1 << 16):
            self.output_bytes += len(part)
            self._tail = (self._tail + part)[-_TAIL_BYTES:]
        os.close(fd)

    def _read_sightings(self) -> None:
        with os.fdopen(self._report_fd, encoding="utf-8") as lines:
            for line in lines:
                self.sightings.append(Sighting(**json.loads(line)))


def _environment(target: Target, scratch: Scratch, *, threads: int) -> dict[str, str]:
    sdk = str(Path(modelmill_sdk.__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths: Sequence[str] = [*target.paths, sdk, *filter(None, inherited)]
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {
        "PATH": os.defpath,
        "HOME": str(scratch.home),
        "USER": "modelmill-host",
        "TMPDIR": str(scratch.temporary),
        "XDG_CACHE_HOME": str(scratch.cache),
        "HF_HOME": str(scratch.cache / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONIOENCODING": "utf-8:replace",
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
