"""Virtual environments with plugins of their own, made of links and without an index."""

import shutil
import subprocess
import sys
import sysconfig
import textwrap
import venv
from importlib.metadata import distribution
from pathlib import Path

import modelmill_sdk

from workers.hosts.identity import reachable

_NEEDED = (
    *("pydantic", "pydantic-core", "pluggy", "annotated-types"),
    *("typing-extensions", "typing-inspection"),
)


ROOT = Path(__file__).resolve().parents[1]


def open_python_find() -> Path | None:
    """Find an interpreter of our version that any user may run."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for name in (f"/usr/bin/python{version}", f"/usr/local/bin/python{version}", sys.executable):
        python = Path(name).resolve()
        if python.is_file() and reachable(python, uid=31_234):
            return python
    return None


def open_packages_copy(folder: Path, *extra: str) -> Path:
    """Copy the SDK and what it needs into a folder that anyone may read; return it."""
    site = folder / "site"
    for name in ("pydantic", "pydantic_core", "pluggy", "annotated_types", "typing_inspection"):
        shutil.copytree(_place(name), site / name)
    for name in extra:
        shutil.copytree(_place(name), site / name)
    shutil.copy(Path(__import__("typing_extensions").__file__), site)
    shutil.copytree(Path(modelmill_sdk.__file__).parent, site / "modelmill_sdk")
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    return site


def _place(name: str) -> Path:
    return Path(__import__(name).__file__).parent  # type: ignore[arg-type]


def environment_make(folder: Path) -> Path:
    """Make an environment that has the SDK, and nothing else of ours; return its interpreter."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    packages = packages_of(folder)
    ours = Path(sysconfig.get_path("purelib"))
    for name in _NEEDED:
        tops = {Path(str(file)).parts[0] for file in distribution(name).files or []}
        for top in tops - {"..", "__pycache__"}:
            (packages / top).symlink_to(ours / top)
    (packages / "sdk.pth").write_text(str(Path(modelmill_sdk.__file__).parents[1]))
    return folder / "bin" / "python"


def packages_of(folder: Path) -> Path:
    """Return where an environment's modules lie."""
    (packages,) = folder.glob("lib/python*/site-packages")
    return packages


def plugin_install(packages: Path, name: str, source: str, *, version: str = "1.0") -> Path:
    """Install a module as a distribution with an entry point, as an installer would leave it."""
    described = packages / f"{name}-{version}.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    )
    (described / "entry_points.txt").write_text(f"[modelmill]\n{name} = {name}\n")
    module = packages / f"{name}.py"
    module.write_text(textwrap.dedent(source))
    return module
