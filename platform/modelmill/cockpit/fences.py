"""The words for the fences around plugins' processes, as workers report them.

A fence's state is "on: " and how, or "off: " and why not, in English, with the kernel's own words
in brackets behind. Each sentence a worker can say is here, so that it has a translation.
"""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_NAMES: Final[dict[str, str | Promise]] = {
    "user": _("User"),
    "privileges": _("Privileges"),
    "files": _("Files"),
    "signals": _("Signals"),
    "network": _("Network"),
    "shared memory": _("Shared memory"),
    "system calls": _("System calls"),
    "limits": _("Limits of each process"),
    "death with the worker": _("Death with the worker"),
    "memory": _("Memory"),
    "processes": _("Number of processes"),
    "disk": _("Disk"),
    "bubblewrap": "Bubblewrap",
}

_SENTENCES: Final[dict[str, str | Promise]] = {
    "a user of its own": _("a user of its own"),
    "a user of its own, that may read closed folders": _(
        "a user of its own, that may read closed folders"
    ),
    "no capabilities, no new privileges": _("no capabilities, no new privileges"),
    "tmpfs of its own": _("shared memory of its own"),
    "network namespace": _("a network of its own, without a way out"),
    "user and network namespace": _("a network of its own, without a way out"),
    "seccomp refuses sockets": _("seccomp refuses sockets"),
    "seccomp": "seccomp",
    "bubblewrap": "bubblewrap",
    "rlimits": "rlimits",
    "parent death signal": _("ended by the kernel with the worker"),
    "watched by the worker": _("watched by the worker once a second"),
    "no bound is set": _("no bound is set"),
    "no user to count by": _("no control group, and no user to count by"),
    "only root can start a process as another user": _(
        "only root can start a process as another user"
    ),
    "the kernel has no such thing": _("the kernel has no such thing"),
    "it is switched off in the kernel": _("it is switched off in the kernel"),
    "the kernel does not allow it here": _("the kernel does not allow it here"),
    "the kernel refused it": _("the kernel refused it"),
    "the kernel's Landlock is too old for it": _("the kernel's Landlock is too old for it"),
    "the kernel allows no namespace of its own": _("the kernel allows no namespace of its own"),
}


@dataclass(frozen=True)
class Fence:
    """One fence as a page shows it."""

    name: str | Promise
    is_up: bool
    words: str | Promise
    detail: str


@dataclass(frozen=True)
class LevelFences:
    """The fences of one level of isolation, those that are missing first."""

    level: str
    fences: list[Fence]

    @property
    def up_count(self) -> int:
        """How many stand."""
        return sum(fence.is_up for fence in self.fences)


def fences_shown(fences: dict[str, dict[str, str]]) -> list[LevelFences]:
    """Give what a worker reported, by level of isolation."""
    shown = []
    for level, states in sorted(fences.items()):
        rows = [_fence(name, state) for name, state in states.items()]
        shown.append(LevelFences(level, sorted(rows, key=lambda fence: fence.is_up)))
    return shown


def sentence_known(state: str) -> bool:
    """Say whether a state's sentence has a translation, or is a name that needs none."""
    _is_up, sentence, _detail = _parts(state)
    return sentence in _SENTENCES or sentence.startswith(("Landlock ", "cgroup v"))


def _fence(name: str, state: str) -> Fence:
    is_up, sentence, detail = _parts(state)
    words = _SENTENCES.get(sentence, sentence)
    return Fence(name=_NAMES.get(name, name), is_up=is_up, words=words, detail=detail)


def _parts(state: str) -> tuple[bool, str, str]:
    switch, _colon, rest = state.partition(": ")
    sentence, _bracket, detail = rest.partition(" (")
    return switch == "on", sentence, detail.removesuffix(")")
