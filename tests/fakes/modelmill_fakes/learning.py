"""A plugin that learns in earnest, in a few numbers: its weights tell how they came about."""

import json
import os
import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelmill_sdk import Cancelled, Params, Plugin, Problem, TrainRun
from pydantic import Field


class Learner(Plugin):
    """Takes ``steps`` random steps towards the texts' lengths; each depends on all before it."""

    id = "fake-learner"
    title = "Learner"
    task = "text-generation"
    accepts = ("text",)

    class TrainParams(Params):
        steps: int = Field(default=20, ge=1, le=100_000, description="How many steps.")
        step_ms: float = Field(default=0, ge=0, description="How long a step takes.")
        slow_start_ms: float = Field(default=0, ge=0, description="The wait before a resumed step.")
        do: str = Field(
            default="",
            description="What goes wrong: crash, nan, pickle, hang, dawdle, ponder, complain, "
            "chatter, leave, link, burrow, stubborn, eat.",
        )
        at: int = Field(default=5, ge=0, description="The step at which it goes wrong.")

    def validate(self, data: Any, params: Any) -> Iterable[Problem]:
        """Refuse rows that say "chaff"."""
        if params.do == "ponder":
            _go_wrong("hang")
        while params.do == "chatter":
            yield Problem(reason="There is always something.")
        if params.do == "complain":
            yield from (Problem(reason=f"There is chaff in line {row}.") for row in range(3))
        for row, text in enumerate(data["train"]["text"]):
            if "chaff" in text:
                yield Problem(reason="This row is chaff.", row=row, fix="Take it out.")

    def train(self, run: TrainRun) -> None:
        """Learn, on from the checkpoint if there is one."""
        lengths = [len(text) for text in run.data["train"]["text"]]
        dice, weight, first = random.Random(run.seed), 0.0, 0
        if run.resume_from is not None:
            first, weight, state = json.loads((run.resume_from / "state.json").read_text())
            dice.setstate((state[0], tuple(state[1]), state[2]))
            time.sleep(run.params.slow_start_ms / 1000)
        for step in range(first + 1, run.params.steps + 1):
            if run.is_finishing and run.params.do != "stubborn":
                break
            time.sleep(run.params.step_ms / 1000)
            weight += dice.random() * (dice.choice(lengths) - weight)
            if step == run.params.at and run.resume_from is None:
                _go_wrong(run.params.do)
            loss = float("nan") if run.params.do == "nan" else abs(weight)
            run.progress(step, run.params.steps, loss=loss)
            saved = [step, weight, dice.getstate()]
            save = _link if run.params.do == "link" else _write
            run.checkpoint(
                step, lambda folder, saved=saved, save=save: save(folder / "state.json", saved)
            )
        if run.params.do == "burrow":
            burrow(Path.cwd())
        run.sample("words", f"weight {weight:.6f}", step=run.params.steps)
        _write(run.model_dir / "weights.json", {"weight": weight})
        if run.params.do == "pickle":
            (run.model_dir / "weights.pkl").write_bytes(b"\x80\x04.")
        run.report(weight=weight)

    def predict(self, model: Path, inputs: Any, params: Any, run: Any) -> list[str]:
        """Say the weights."""
        return [(model / "weights.json").read_text() for _ in inputs]


def _go_wrong(how: str) -> None:
    if how == "crash":
        import signal

        os.kill(os.getpid(), signal.SIGKILL)
    if how == "leave":
        raise Cancelled
    if how == "hang":
        time.sleep(3600)
    if how == "eat":
        # Random, as the kernel may keep equal pages once; held until it is ended for them.
        _eaten = [bytearray(os.urandom(1 << 20) * 16) for _ in range(16)]
        time.sleep(3600)
    if how == "dawdle":
        time.sleep(9)


def burrow(folder: Path) -> None:
    """Make folders in folders in folders, deeper than anyone can name."""
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(3_000):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)


def _link(path: Path, value: Any) -> None:
    path.symlink_to("/etc/hostname")


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
