"""The documents say what is true."""

from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *map(str, Path("docs").glob("*.md"))]
)
def test_every_link_leads_somewhere(page: str) -> None:
    import re

    path = ROOT / page
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), f"{page}: {target}"
