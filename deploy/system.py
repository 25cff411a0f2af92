"""What only the system can bring: looked for, installed by apt where we may, else named aloud.

``python -m deploy.system`` sees to what the platform wants, and ``python -m deploy.system tests``
also to what its tests want. Nothing here is fatal: what is missing is said, with what it is for
and how to get it, and everything else goes on. Run again, it does nothing.
"""

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_APT_S = 600


@dataclass(frozen=True)
class Need:
    """One thing, how to tell that it is there, and Debian's packages that bring it."""

    name: str
    purpose: str
    packages: tuple[str, ...]
    is_there: Callable[[], bool]


def _library(name: str) -> Callable[[], bool]:
    return lambda: ctypes.util.find_library(name) is not None


def _command(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


def _has_chinese_font() -> bool:
    listed = shutil.which("fc-list")
    if listed is None:
        return False
    found = subprocess.run([listed, ":lang=zh"], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip())


def _has_chromium() -> bool:
    return Path("/usr/bin/chromium").exists() or _playwright_has_chromium()


def _playwright_has_chromium() -> bool:
    default = Path.home() / ".cache" / "ms-playwright"
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or default)
    return any(folder.glob("chromium*"))


PLATFORM = (
    Need(
        "Pango and HarfBuzz",
        "invoices as PDF",
        ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"),
        lambda: all(_library(name)() for name in ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset")),
    ),
    Need(
        "a Chinese font",
        "invoices in Chinese",
        ("fontconfig", "fonts-noto-cjk"),
        _has_chinese_font,
    ),
)
TESTS = (
    Need("Chromium", "the browser tests and screenshots", ("chromium",), _has_chromium),
    Need("bubblewrap", "plugins at isolation level L2", ("bubblewrap",), _command("bwrap")),
)


def main() -> None:
    """See to the platform's needs, and with the word ``tests`` to theirs."""
    needs = [*PLATFORM, *(TESTS if "tests" in sys.argv[1:] else ())]
    missing = [need for need in needs if not need.is_there()]
    if missing and _may_install():
        packages = [package for need in missing for package in need.packages]
        print(f"Installing system packages: {' '.join(packages)} …", flush=True)
        _apt_install(packages)
        missing = [need for need in missing if not need.is_there()]
    if any(need.name == "Chromium" for need in missing):
        _playwright_install()
        missing = [need for need in missing if not need.is_there()]
    for need in missing:
        print(
            f"MISSING: {need.name}, for {need.purpose}. "
            f"On Debian: sudo apt-get install {' '.join(need.packages)}",
            flush=True,
        )


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _apt_install(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        _run(command, environment)


def _playwright_install() -> None:
    print("Asking Playwright for its Chromium …", flush=True)
    _run([sys.executable, "-m", "playwright", "install", "chromium-headless-shell"], None)


def _run(command: list[str], environment: dict[str, str] | None) -> None:
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_APT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{' '.join(command[:2])} failed: {error}", flush=True)
        return
    if done.returncode != 0:
        print(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-500:]}", flush=True)


if __name__ == "__main__":
    main()
