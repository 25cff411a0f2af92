"""The documents say what is true."""

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def test_the_customers_page_prints_the_script_that_is_tested() -> None:
    script = (ROOT / "docs/examples/train_and_use.py").read_text().rstrip()
    assert script in (ROOT / "docs/customers/first-steps.md").read_text()
    assert len(script.splitlines()) < 40


def test_every_setting_is_documented() -> None:
    import re

    source = (ROOT / "platform/modelmill/settings.py").read_text()
    names = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source))
    page = (ROOT / "docs/operators/settings.md").read_text()
    hidden = {"DEBUG", "MODELMILL_TESTING", "MODELMILL_TEST_SQLITE", "MODELMILL_REDIS_PREFIX"}
    assert {name for name in names - hidden if f"`{name}`" not in page} == set()


def test_the_commands_that_install_a_plugin_beside_the_workers_resolve() -> None:
    """From a clone and with no index: our own packages are on none, and the rest is here."""
    page = (ROOT / "docs/operators/running.md").read_text()
    block = page.partition("virtual environment of its own")[2].partition("```\n")[2]
    (line,) = [line for line in block.partition("```")[0].splitlines() if "pip install" in line]
    words = shlex.split(line)[2:]
    assert words and all((ROOT / word.partition("[")[0]).is_dir() for word in words)
    pip_options = ("--dry-run", "--no-index", "--no-build-isolation")
    tried = subprocess.run(
        [sys.executable, "-m", "pip", "install", *pip_options, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr
    assert "modelmill-gan-faces-0." in tried.stdout and "modelmill-sdk-" in tried.stdout


@pytest.mark.parametrize(
    "project", sorted(ROOT.glob("plugins/*/pyproject.toml")), ids=lambda path: path.parent.name
)
def test_a_plugin_of_ours_bounds_what_it_depends_on(project: Path) -> None:
    """As the quality checklist asks of everybody's."""
    said = tomllib.loads(project.read_text())["project"]
    for one in map(Requirement, said["dependencies"]):
        operators = {part.operator for part in one.specifier}
        assert operators == {">=", "<"}, f"{project}: {one}"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *map(str, Path("docs").glob("*.md"))]
)
def test_every_link_leads_somewhere(page: str) -> None:
    import re

    path = ROOT / page
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), f"{page}: {target}"
