"""How the command shows its work: a bar where there is a terminal and `rich`, lines elsewhere."""

import json
import os
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

# Set by the tool for itself behind walls, where a bar's state is told to the tool outside.
TOLD_FD = "MILL_PROGRESS_FD"

_LINE_EVERY_S = 2.0


class Bar(Protocol):
    """Shows where a training is; a context that puts the terminal in order at its end."""

    def show(self, step: int, total: int, metrics: Mapping[str, float | None]) -> None:
        """Show the newest state."""

    def say(self, text: str) -> None:
        """Print a line of its own."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def bar_make() -> Bar:
    """Give the best bar that this terminal can show."""
    if sys.stderr.isatty():
        try:
            return _RichBar()
        except ImportError:
            pass
    return _Lines()


def bar_for_people(*, is_silent: bool = False) -> Bar:
    """Give a bar where somebody watches a terminal, and what shows nothing elsewhere."""
    if TOLD_FD in os.environ:
        return _Told(int(os.environ[TOLD_FD]))
    return bar_make() if sys.stderr.isatty() and not is_silent else _Nothing()


def metrics_words(metrics: Mapping[str, float | None]) -> str:
    """Give metrics as words, shortly."""
    return "  ".join(
        f"{name} {'nan' if value is None else format(value, '.4g')}"
        for name, value in metrics.items()
    )


class _Nothing:
    """Nothing, for pipes and for programs."""

    def show(self, step: int, total: int, metrics: Mapping[str, float | None]) -> None:
        return None

    def say(self, text: str) -> None:
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _Told(_Nothing):
    """Lines of JSON for another process, which has the terminal."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def show(self, step: int, total: int, metrics: Mapping[str, float | None]) -> None:
        os.write(self._fd, json.dumps([step, total]).encode() + b"\n")

    def say(self, text: str) -> None:
        os.write(self._fd, json.dumps(text).encode() + b"\n")


class _Lines:
    """A line now and then, which is what a log file wants."""

    def __init__(self) -> None:
        self._said_at = 0.0

    def show(self, step: int, total: int, metrics: Mapping[str, float | None]) -> None:
        now = time.monotonic()
        if step == total or now - self._said_at >= _LINE_EVERY_S:
            self._said_at = now
            self.say(f"step {step} of {total}  {metrics_words(metrics)}")

    def say(self, text: str) -> None:
        sys.stderr.write(text + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _RichBar:
    """A bar with the time that is left, drawn by rich."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        self._progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            Remaining(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
        )
        self._task: Any = self._progress.add_task("", total=None)

    def show(self, step: int, total: int, metrics: Mapping[str, float | None]) -> None:
        said = metrics_words(metrics)
        self._progress.update(self._task, completed=step, total=total, description=said)

    def say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
