"""Make ``requirements/lock.txt`` anew: every package with its hashes, without torch."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "lock.txt"
INSTALLER = ROOT / "requirements" / "installer.txt"
TORCH = ROOT / "requirements" / "torch.txt"
_CUDA = re.compile(r"nvidia-|cuda-|triton==")
_UV = [sys.executable, "-m", "uv"]
_COMPILE = [
    *[*_UV, "pip", "compile", "-q", "--upgrade", "--generate-hashes", "--no-emit-index-url"],
    *["--no-annotate", "--no-header", "--python-version", "3.11", "--no-emit-find-links"],
]


def main() -> None:
    """Resolve all projects' ranges together and write the lock files."""
    projects = [ROOT / "pyproject.toml", *sorted((ROOT / "plugins").glob("*/pyproject.toml"))]
    with tempfile.TemporaryDirectory() as folder:
        # The SDK is on no index; a wheel of it lets the resolver read what it needs.
        _run([*_UV, "build", "-q", "--wheel", "-o", folder, str(ROOT / "plugins" / "sdk")])
        _run(
            [
                *[*_COMPILE, "--find-links", folder, "-c", str(TORCH)],
                *[
                    "--all-extras",
                    "--group",
                    "pyproject.toml:dev",
                    "--group",
                    "pyproject.toml:demo",
                ],
                *["--no-emit-package", "modelmill-sdk", "--no-emit-package", "torch"],
                *["-o", str(LOCK), *[str(path) for path in projects]],
            ]
        )
    LOCK.write_text(_without_cuda(LOCK.read_text(encoding="utf-8")), encoding="utf-8")
    wanted = Path(tempfile.mkdtemp()) / "installer.in"
    wanted.write_text("uv>=0.9,<1\n")
    _run([*_COMPILE, "-o", str(INSTALLER), str(wanted)])
    print(f"{LOCK.relative_to(ROOT)}: {LOCK.read_text(encoding='utf-8').count('==')} packages")


def _without_cuda(lock: str) -> str:
    """Leave out what only torch's CUDA build needs: it installs that itself where it belongs."""
    entries = re.split(r"\n(?=\S)", lock.strip())
    return "\n".join(entry for entry in entries if not _CUDA.match(entry)) + "\n"


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
