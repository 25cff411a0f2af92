"""The places a plugin's process reads: interpreter, libraries, devices, and what it is given.

No place may hold what is closed, such as the platform's own data: Landlock can open a folder, but
not close one inside it.
"""

import functools
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
_INSTALLED = ("/opt", "/nix/store")
# Of /etc only what the C library and the drivers ask for: the rest belongs to the machine.
_SETTINGS = (
    "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "passwd",
    "group", "nsswitch.conf", "host.conf", "hosts", "fonts", "mime.types", "magic", "locale.alias",
    "gai.conf", "os-release", "debian_version", "nvidia", "vulkan", "OpenCL", "glvnd",
)  # fmt: skip
# Processes are looked at through /proc by permission, and a stranger has none.
_KERNEL = ("/proc", "/sys/devices", "/sys/class", "/sys/bus", "/sys/module", "/sys/block",
           "/sys/fs/cgroup", "/sys/kernel/mm", "/sys/dev")  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom")


def read_roots(given: Iterable[str], *, closed: Iterable[str]) -> list[str]:
    """List what may be read; a place around something closed is left out."""
    shut = [Path(place).resolve() for place in closed]
    system = [*_SYSTEM, *_KERNEL, *(f"/etc/{name}" for name in _SETTINGS)]
    places = [*_INSTALLED, *interpreter_roots(), *given]
    return [*system, *(place for place in dict.fromkeys(places) if not _holds(place, shut))]


@functools.cache
def interpreter_roots() -> tuple[str, ...]:
    """List the folders that this interpreter and its packages lie in, also editable ones."""
    environment = _environment()
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, environment]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = Path(environment, "lib", version, "site-packages")
    for listing in sorted(packages.glob("*.pth")):
        places += _listed(listing, packages)
    places += _linked(packages)
    # A checkout that its own environment lies in is no place for libraries.
    inner = [Path(environment).resolve(), Path(sys.base_prefix).resolve()]
    return tuple(place for place in places if not _holds(place, inner, itself=False))


def devices(kind: str) -> list[str]:
    """List the device files that work on a kind of device needs."""
    found = [f"/dev/{name}" for name in _DEVICES]
    if kind != "cpu":
        found += [str(path) for path in Path("/dev").glob("nvidia*")]
        found += [str(path) for path in Path("/dev").glob("dri")]
    return found


def own_process(kind: str, *, meets: bool) -> list[str]:
    """List what a process writes to of its own in /proc.

    CUDA names its threads there, and does not begin where it cannot. The folder is kept open: the
    kernel would make another in its place after it was forgotten, which no rule would know. Of
    several that meet each has such a folder, in a /proc where there are none but theirs.
    """
    if kind == "cpu":
        return []
    if meets:
        return ["/proc"]
    os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
    return [f"/proc/{os.getpid()}"]


def _environment() -> str:
    """Return the virtual environment of this interpreter, which ``-S`` does not look for."""
    folder = Path(sys.executable).parent.parent
    return str(folder) if (folder / "pyvenv.cfg").exists() else sys.prefix


def _listed(listing: Path, packages: Path) -> list[str]:
    try:
        lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    folders = [packages / line for line in lines if line and not line.startswith(("import", "#"))]
    return [str(folder) for folder in folders if folder.is_dir()]


def _linked(packages: Path) -> list[str]:
    """Find the packages that lie elsewhere and are only linked to."""
    try:
        links = [entry.path for entry in os.scandir(packages) if entry.is_symlink()]
    except OSError:
        return []
    return [os.path.realpath(link) for link in links]


def _holds(place: str, inner: list[Path], *, itself: bool = True) -> bool:
    outer = Path(place).resolve()
    return any(path.is_relative_to(outer) and (itself or path != outer) for path in inner)
