"""Make the virtual environment in ``.venv`` from the lock file; run again, it does nothing.

Runs on the system's Python with the standard library alone. Packages come from
the indexes that pip itself is configured for.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".modelmill-stamp"
LOCK = ROOT / "requirements" / "lock.txt"
TORCH = ROOT / "requirements" / "torch.txt"
INSTALLER = ROOT / "requirements" / "installer.txt"
OLDEST = (3, 11)


def main() -> None:
    """Bring ``.venv`` to the lock file's state, saying each step."""
    if sys.version_info < OLDEST:
        sys.exit(f"Modelmill needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted and PYTHON.exists():
        return
    if not PYTHON.exists():
        print("Making the virtual environment in .venv …", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        venv.create(VENV, with_pip=True)
    print("Installing the locked packages (a few minutes the first time) …", flush=True)
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "-r", str(INSTALLER)])
    # Compiled now: a plugin's process may write nowhere, and would compile torch at every start.
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "-q", "--compile-bytecode"]
    uv += ["--python", str(PYTHON)]
    # No dependencies: the lock names them all. Torch is locked by version, not
    # by hash: its wheel differs between a machine with CUDA and one without.
    _run([*uv, "--no-deps", "--require-hashes", "-r", str(LOCK)])
    _run([*uv, "-r", str(TORCH)])
    _run([*uv, "--no-deps", "--no-build-isolation", *_editables()])
    sources = [str(folder / "src") for folder in _plugins()]
    _run([str(PYTHON), "-m", "compileall", "-q", *sources])
    STAMP.write_text(wanted)
    print("The environment is ready.", flush=True)


def _editables() -> list[str]:
    return [word for folder in [ROOT, *_plugins()] for word in ("-e", str(folder))]


def _plugins() -> list[Path]:
    return sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))


def _fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    projects = [ROOT / "pyproject.toml", *sorted((ROOT / "plugins").glob("*/pyproject.toml"))]
    for path in [LOCK, TORCH, INSTALLER, *projects]:
        digest.update(path.read_bytes())
    return f"{ROOT} {digest.hexdigest()}"


def _run(command: list[str]) -> None:
    result = subprocess.run(command, env=_uv_environment(), check=False)
    if result.returncode != 0:
        sys.exit(
            "Installing failed; the message above says why. Most often the package index is out "
            "of reach: check `pip config list`, then run the same command again."
        )


def _uv_environment() -> dict[str, str]:
    """Return the environment with pip's own sources told to uv, which does not read them."""
    env = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    env["UV_LINK_MODE"] = "copy"
    for uv_name, pip_name in (
        ("UV_FIND_LINKS", "find-links"),
        ("UV_DEFAULT_INDEX", "index-url"),
        ("SSL_CERT_FILE", "cert"),
    ):
        value = _pip_setting(pip_name)
        if value and uv_name not in env:
            env[uv_name] = value
    return env


def _pip_setting(name: str) -> str:
    from_environment = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if from_environment:
        return from_environment
    asked = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "get", f"global.{name}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""


if __name__ == "__main__":
    main()
