"""The user a plugin's process runs as: one of its own, where root can give it one."""

import logging
import os
import pwd
import secrets
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from workers.hosts.opening import folder_open
from workers.hosts.spec import HostSpec

logger = logging.getLogger(__name__)

# Numbers that Debian's policy (chapter 9.2.2) leaves to nobody; any unused ones would do.
_FIRST_UID = 30_000
_UID_COUNT = 20_000
# CAP_CHOWN, CAP_KILL, CAP_SETGID and CAP_SETUID.
_CHANGING_USER = 0b11100001

_said: set[str] = set()


@dataclass(frozen=True)
class Identity:
    """A user and group number of the process, or None for our own.

    ``keeps_reading``: the user may read folders that are closed to others, as far as Landlock lets
    the process read at all; for an interpreter that lies in one.
    """

    uid: int | None = None
    keeps_reading: bool = False

    def own(self, folder: Path) -> None:
        """Make the folder, and hand it and all in it to the user; links are never followed.

        Raises OSError when there is a link on the way to it.
        """
        top = folder_open(folder, make=True)
        try:
            if self.uid is None:
                return
            for _, folders, files, fd in os.fwalk(".", dir_fd=top, follow_symlinks=False):
                os.fchown(fd, self.uid, self.uid)
                for name in (*folders, *files):
                    os.chown(name, self.uid, self.uid, dir_fd=fd, follow_symlinks=False)
        finally:
            os.close(top)

    def can_read(self, folder: Path) -> bool:
        """Say whether the user can reach the folder and list it."""
        return self.uid is None or self.keeps_reading or reachable(folder, uid=self.uid)


def identity_choose(spec: HostSpec, *, needed: Iterable[Path]) -> Identity:
    """Choose a fresh unprivileged user when we are root.

    A fresh number for each host keeps two hosts from reading each other's memory and files. Where
    the interpreter or the scratch folder cannot be reached by such a user, it keeps root's power to
    read, and nothing else of root; the log says why, once.
    """
    if os.geteuid() != 0 or not _may_change_user():
        return Identity()
    uid = _uid_unused()
    if spec.reads_closed:
        return Identity(uid, keeps_reading=True)
    python = Path(sys.executable) if spec.python is None else spec.python
    paths = [python, python.resolve(), spec.scratch_dir.resolve().parent, *needed, *spec.readable]
    if spec.python is None:
        paths += [Path(sys.prefix), Path(sys.base_prefix), Path(os.__file__)]
    for path in paths:
        if not reachable(path, uid=uid):
            _say_once(f"Plugins may read closed folders: {path} is not readable by other users.")
            return Identity(uid, keeps_reading=True)
    return Identity(uid)


def reachable(path: Path, *, uid: int) -> bool:
    """Say whether a user in no group of ours may read a path, judged by its permission bits."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would skip the link itself
    for parent in absolute.parents:
        if not _allows(parent, uid, stat.S_IXUSR, stat.S_IXOTH):
            return False
    return _allows(absolute, uid, stat.S_IRUSR, stat.S_IROTH)


def _allows(path: Path, uid: int, own_bit: int, other_bit: int) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return bool(found.st_mode & (own_bit if found.st_uid == uid else other_bit))


def _may_change_user() -> bool:
    """Say whether root may give processes and files to others, which a container may forbid."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16) & _CHANGING_USER == _CHANGING_USER
    return False


def _uid_unused() -> int:
    # Whoever ends a host ends every process of its number.
    taken = {one.info["uids"].real for one in psutil.process_iter(["uids"]) if one.info["uids"]}
    while True:
        uid = _FIRST_UID + secrets.randbelow(_UID_COUNT)
        if uid in taken:
            continue
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid


def _say_once(sentence: str) -> None:
    if sentence not in _said:
        _said.add(sentence)
        logger.warning(sentence)
