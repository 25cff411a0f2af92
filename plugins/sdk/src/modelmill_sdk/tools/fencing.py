"""The command once more inside bubblewrap, for a plugin that nobody here has read.

Nothing of the plugin is imported on this side: the walls stand before the tool looks for it.
"""

import codecs
import json
import os
import re
import site
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TextIO

import modelmill_sdk
from modelmill_sdk.errors import PluginError
from modelmill_sdk.tools.screen import TOLD_FD, Bar, bar_for_people

FLAG = "--fenced"

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store")
# Of /etc only what the C library asks for, of /sys only how many processors there are.
_SETTINGS = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
             "/etc/localtime", "/etc/fonts", "/etc/mime.types", "/etc/magic",
             "/sys/devices/system")  # fmt: skip
_WRITABLE = ("/tmp", "/dev/shm")  # noqa: S108 - inside, where nobody else is
_PASSED_ON = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "MODELMILL_BASE_MODELS", "PYTHONPATH")
_ENVIRONMENT = {"PATH": os.defpath, "HOME": "/tmp", "USER": "modelmill-host"}  # noqa: S108
# Numbers that Debian's policy (chapter 9.2.2) leaves to nobody; any unused ones would do.
_FIRST_UID, _UID_COUNT = 50_000, 10_000
_CHANGES_USER = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
_TRIES = "import os, sys; sys.exit(not all(os.access(p, os.R_OK) for p in sys.argv[1:]))"
_MAX_LINE_BYTES, _MAX_STEPS = 1_000, 1_000
_PYTHON = (sys.executable, "-I", "-S")
# All but line ends and tabs: a terminal would obey them.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def fenced_run(words: Sequence[str], *, plugin: str, data: Path | None, is_silent: bool) -> int:
    """Run these words of the command behind walls, and give its exit status.

    ``plugin`` and ``data`` are what it names of this machine's files; ``is_silent`` is without a
    bar on a terminal. Raises PluginError where
    bubblewrap is missing or may not put up its walls, and for a folder that holds the home.
    """
    program = bubblewrap_find()
    if program is None:
        raise PluginError(
            f"{FLAG} needs bubblewrap, and it is not installed here (on Debian: apt-get install "
            "bubblewrap). Nothing of the plugin was run."
        )
    _refuse_shadows(plugin)
    given = places_given(plugin, data)
    walls = _walls_that_stand(str(program), given)
    inner = [word for word in words if not _is_flag(word)]
    command = [*walls, sys.executable, "-P", "-m", "modelmill_sdk.tools", *inner]
    with bar_for_people(is_silent=is_silent) as bar:
        return _run(command, bar, is_watched=not is_silent and sys.stderr.isatty())


def _run(command: list[str], bar: Bar, *, is_watched: bool) -> int:
    """Run it without our terminal, which it could read and command: what it says is passed on."""
    told_read, told_write = os.pipe()
    environment = _environment() | ({TOLD_FD: str(told_write)} if is_watched else {})
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        pass_fds=(told_write,),
    ) as process:
        os.close(told_write)
        assert process.stdout is not None and process.stderr is not None
        threads = [
            threading.Thread(target=_pass_on, args=(process.stdout, sys.stdout)),
            threading.Thread(target=_pass_on, args=(process.stderr, sys.stderr)),
            threading.Thread(target=_show, args=(told_read, bar)),
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            # A session of its own has no Ctrl-C; with bubblewrap everything inside ends.
            process.kill()
            raise
    return process.returncode


def bubblewrap_find() -> Path | None:
    """Give the program, or None where it is not installed."""
    for folder in os.defpath.split(os.pathsep):
        program = Path(folder, "bwrap")
        if folder and os.access(program, os.X_OK):
            return program
    return None


def _refuse_shadows(plugin: str) -> None:
    """Raise PluginError where a module of the plugin's could have stood for one of Python's own."""
    library = sysconfig.get_path("stdlib")
    first = sys.path[: sys.path.index(library)] if library in sys.path else []
    if not (Path(plugin).is_dir() or plugin.endswith(".py")):
        return
    named = Path(plugin) if Path(plugin).is_dir() else Path(plugin).absolute().parent
    if any(Path(entry or ".").resolve().is_relative_to(named.resolve()) for entry in first):
        raise PluginError(
            "Python looks for its own modules in the plugin's folder here, before any wall stands: "
            "run mill-plugin itself instead of python -m, and leave that folder out of PYTHONPATH."
        )


def places_given(plugin: str, data: Path | None) -> list[str]:
    """List what may be read because somebody named it.

    Raises PluginError for a place that holds the home folder: its secrets would lie inside.
    """
    named = [Path(place) for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    if models := os.environ.get("MODELMILL_BASE_MODELS"):
        named.append(Path(models))
    if Path(plugin).is_dir():
        named.append(Path(plugin))
    elif plugin.endswith(".py"):
        named.append(Path(plugin).absolute().parent)
    if data is not None:
        named.append(data)
    for place in named:
        if _holds(place, [Path.home()]):
            raise PluginError(
                f"{place} holds your home folder, which would lie open to the plugin; put what is "
                "to be read into a folder of its own."
            )
    return [os.path.abspath(place) for place in named]  # noqa: PTH100 - links are kept


def _walls_that_stand(program: str, given: list[str]) -> list[str]:
    """Write the command in front of the tool's own; of two kinds the first that works.

    Root changes to a user of its own inside, where that one can read what is given; else a user
    namespace without any power takes its place.
    """
    walls = _walls(program, given)
    kinds = [[*walls, "--unshare-user", "--disable-userns", "--"]]
    if os.geteuid() == 0:
        changing = str(Path(__file__).with_name("changing.py"))
        uid = str(_FIRST_UID + os.getpid() % _UID_COUNT)
        kinds.insert(0, [*walls, *_CHANGES_USER, "--", *_PYTHON, changing, uid])
    said = ""
    for kind in kinds:
        tried = subprocess.run(
            [*kind, *_PYTHON, "-c", _TRIES, *given],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
        )
        if tried.returncode == 0:
            return kind
        said = tried.stderr.strip() or "what it should read is closed to it"
    raise PluginError(
        f"bubblewrap cannot fence the plugin here ({said}). It needs a kernel that allows user "
        "namespaces, or root. Nothing of the plugin was run."
    )


def _walls(program: str, given: list[str]) -> list[str]:
    """Write a root of nothing but what is read, and that read-only; nobody and nothing else."""
    here = str(Path.cwd())
    words = [program, "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--hostname", "plugin", "--proc", "/proc", "--dev", "/dev"]
    for place in _WRITABLE:
        words += ["--perms", "1777", "--tmpfs", place]
    both = {*given, *_interpreter()}
    both |= {str(Path(place).resolve()) for place in both}
    # Empty but for what is read, so that relative paths mean the same inside, and open: as they are
    # outside, the folders on the way may be closed to another user.
    on_the_way = {here, *(str(parent) for place in both for parent in Path(place).parents)}
    for place in sorted(on_the_way - {"/", *_WRITABLE}, key=_depth):
        words += ["--perms", "0755", "--dir", place]
    for place in [*_SYSTEM, *_SETTINGS, *sorted(both, key=_depth)]:
        words += ["--ro-bind-try", place, place]
    return [*words, "--remount-ro", "/", "--chdir", here]


def _interpreter() -> list[str]:
    """List where this interpreter and its packages lie, also editable and linked ones."""
    own = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable]
    own.append(str(Path(modelmill_sdk.__file__).parents[1]))
    found: list[Path] = []
    for packages in map(Path, site.getsitepackages()):
        found += [entry.resolve() for entry in packages.glob("*") if entry.is_symlink()]
        for listing in sorted(packages.glob("*.pth")):
            lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
            folders = [line for line in lines if line and not line.startswith(("import", "#"))]
            found += [packages / folder for folder in folders]
    # A checkout that its own environment lies in is no place for libraries, and no home is.
    closed = [Path.home(), Path(sys.prefix), Path(sys.base_prefix)]
    return [*own, *(str(place) for place in found if not _holds(place, closed))]


def _holds(place: Path, inner: list[Path]) -> bool:
    outer = place.resolve()
    return any(path.resolve().is_relative_to(outer) for path in inner)


def _depth(place: str) -> tuple[int, str]:
    # Shorter first: what lies in another place is bound over it, not under it.
    return len(Path(place).parts), place


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | _ENVIRONMENT | {"PYTHONIOENCODING": "utf-8:replace"}


def _is_flag(word: str) -> bool:
    # As argparse reads it: any beginning that is no other option's.
    return len(word) > len("--") and FLAG.startswith(word)


def _pass_on(source: IO[bytes], screen: TextIO) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    # A bar's screen names none.
    encoding = screen.encoding or "utf-8"
    # Read to its end even where nobody can be shown it: who writes must not wait for us.
    while part := os.read(source.fileno(), 1 << 16):
        text = _CONTROLS.sub("?", decoder.decode(part))
        with suppress(OSError, ValueError):
            screen.write(text.encode(encoding, "replace").decode(encoding))
            screen.flush()


def _show(fd: int, bar: Bar) -> None:
    """Show what the tool inside tells; the plugin can write there, too, so it is read with care."""
    with open(fd, "rb") as told:
        while line := told.readline(_MAX_LINE_BYTES):
            try:
                match json.loads(line):
                    case [int(step), int(total)] if 0 <= step <= total <= _MAX_STEPS:
                        bar.show(step, total, {})
                    case str(text):
                        bar.say(_CONTROLS.sub("?", text))
            except (ValueError, RecursionError):
                continue
