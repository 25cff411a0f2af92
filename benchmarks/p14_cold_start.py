"""P14: the first answer of a model that nobody has loaded yet.

The peer is what a script does: a new process imports the libraries, loads the model and predicts.
Ours start a plugin's process with every fence, load and predict: afresh, and forked from a process
that has imported the libraries ahead. "Reading the weights" is the floor. Two models of shipped
plugins, each trained for one step: what they say matters little, that they say it is checked.
"""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from modelmill_sdk.origins import source_digest
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import ModelLoad, PredictDone, PredictStart
from modelmill_sdk.testing import dataset_write, train_once

from benchmarks.database import database
from benchmarks.faces_data import faces_dataset, faces_encoded
from benchmarks.rounds import Result, rounds_run

_FACES, _TEXT = "faces", "text"
_READY_S = 300
_SCRIPT = """
import sys
from importlib import import_module
from pathlib import Path
from modelmill_sdk.testing import predict_once
plugin = getattr(import_module(sys.argv[1]), sys.argv[2])
folders = Path(sys.argv[3]), Path(sys.argv[4])
assert predict_once(plugin, folders[0], [eval(sys.argv[5])], eval(sys.argv[6]), out_dir=folders[1])
print("answered", flush=True)
"""


class Case:
    """A model on disk, and one thing to ask it."""

    def __init__(
        self, plugin: type[Plugin], model_dir: Path, *, ask: dict[str, Any], params: dict[str, Any]
    ) -> None:
        self.plugin, self.model_dir, self.ask, self.params = plugin, model_dir, ask, params

    @property
    def size_bytes(self) -> int:
        """The bytes of the model's files."""
        return sum(path.stat().st_size for path in self.model_dir.iterdir())


def main(*, small: bool = False) -> None:
    """Print first answers a second; fail unless every process answered."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with database(), ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modelmill-p14-")))
        # As an installation has it: the interpreter and its models are open to every user.
        work.chmod(0o755)
        imports = _forker_ready(stack)
        for name, case in _cases(work, small=small).items():
            folders = (work / f"host-{name}-{number}" for number in itertools.count())
            hosts = _Hosts(case, folders, imports)
            arms: dict[str, Callable[[], float]] = {
                f"{name}: a new process": partial(_new_process, case),
                f"{name}: ours, afresh": hosts.fresh,
                f"{name}: ours, forked": hosts.forked,
                f"{name}: reading the weights": partial(_read, case),
            }
            print(f"{name}: {case.size_bytes / 2**20:.1f} MiB")
            _goal(rounds_run(arms, rounds=1 if small else 5, unit="first answers"))


class _Hosts:
    """Our two arms: a host from nothing to its first answer."""

    def __init__(self, case: Case, folders: Any, imports: tuple[str, ...]) -> None:
        self._case, self._folders, self._imports = case, folders, imports
        self._named = _named(case)

    def fresh(self) -> float:
        """Start the host as a program of its own."""
        return self._answer(())

    def forked(self) -> float:
        """Fork the host."""
        return self._answer(self._imports)

    def _answer(self, imports: tuple[str, ...]) -> float:
        from workers.hosts import HostProcess, HostSpec

        case, folder = self._case, next(self._folders)
        began = time.monotonic()
        spec = HostSpec(scratch_dir=folder, readable=(case.model_dir,), warm_imports=imports)
        host = HostProcess.start(spec)
        assert host._is_forked == bool(imports)
        host.send(ModelLoad(plugin_id=case.plugin.id, **self._named, model_dir=case.model_dir))
        host.send(
            PredictStart(
                request_id="r", inputs=[case.ask], params=case.params, out_dir=folder / "out"
            )
        )
        heard = [host.receive(_READY_S)]
        while heard[-1] is not None and heard[-1].type not in {"predict_done", "failed"}:
            heard.append(host.receive(_READY_S))
        assert isinstance(heard[-1], PredictDone), heard
        took_s = time.monotonic() - began
        host.kill()
        shutil.rmtree(folder, ignore_errors=True)
        return 1 / took_s


def _forker_ready(stack: ExitStack) -> tuple[str, ...]:
    from django.conf import settings

    from workers.hosts.forkers import forker_prepare, forkers_close

    stack.callback(forkers_close)
    began = time.monotonic()
    forker = forker_prepare(settings.WARM_IMPORTS, device="cpu")
    assert forker is not None
    while not forker.is_ready:
        assert not forker.why_not and time.monotonic() - began < _READY_S, forker.why_not
        time.sleep(0.05)
    print(f"imported ahead once, in {time.monotonic() - began:.1f} s")
    return tuple(settings.WARM_IMPORTS)


def _cases(work: Path, *, small: bool) -> dict[str, Case]:
    from modelmill_gan_faces.plugin import GanFaces
    from modelmill_text_generation.plugin import TextGeneration

    faces, _ = train_once(
        GanFaces,
        faces_dataset(work / "faces", faces_encoded(100)),
        {"steps": 1},
        work / "faces-work",
    )
    rows = [{"text": f"On day {n} the miller ground {n % 9} sacks of rye."} for n in range(400)]
    text, _ = train_once(
        TextGeneration,
        dataset_write(work / "text", "text", train=rows, validation=rows[:40]),
        {"steps": 1, "size": "tiny" if small else "small"},
        work / "text-work",
    )
    return {
        _FACES: Case(GanFaces, faces, ask={"seed": 7}, params={}),
        _TEXT: Case(TextGeneration, text, ask={"prompt": "The miller"}, params={"max_tokens": 8}),
    }


def _new_process(case: Case) -> float:
    with tempfile.TemporaryDirectory() as out:
        names = [case.plugin.__module__, case.plugin.__name__, str(case.model_dir), out]
        asked = [repr(case.ask), repr(case.params)]
        command = [sys.executable, "-c", _SCRIPT, *names, *asked]
        began = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            assert run.stdout is not None
            answers = any(line == b"answered\n" for line in run.stdout)
            took_s = time.monotonic() - began
        assert answers
    return 1 / took_s


def _read(case: Case) -> float:
    began = time.monotonic()
    for path in case.model_dir.iterdir():
        path.read_bytes()
    return 1 / (time.monotonic() - began)


def _named(case: Case) -> dict[str, str]:
    """Name the plugin's release, as a worker does that has it from the catalog."""
    (point,) = metadata.entry_points(group="modelmill", name=case.plugin.id)
    assert point.dist is not None
    digest = source_digest(point.module)
    return {"entry_point": point.name, "distribution": point.dist.name, "digest": digest}


def _goal(results: list[Result]) -> None:
    fresh_process, _afresh, forked, read = (1000 / result.median for result in results)
    print(
        f"first answer {forked:.0f} ms; goal 1.3 × {read:.1f} + 100 = {1.3 * read + 100:.0f} ms; "
        f"a new process {fresh_process:.0f} ms"
    )
