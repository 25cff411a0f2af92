"""What importing the SDK costs, and what it offers."""

import subprocess
import sys

import modelmill_sdk
import pytest

HEAVY = ("torch", "django", "celery", "numpy", "PIL", "datasets", "pyarrow", "pluggy")


@pytest.mark.parametrize(
    ("line", "forbidden"),
    [
        ("import modelmill_sdk", (*HEAVY, "pydantic")),
        ("import modelmill_sdk.manifest, modelmill_sdk.protocol", HEAVY),
        ("from modelmill_sdk import *", tuple(set(HEAVY) - {"pluggy"})),
    ],
)
def test_it_imports_nothing_heavy(line, forbidden) -> None:
    script = f"{line}\nimport sys\nprint([name for name in {forbidden} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", modelmill_sdk.__all__)
def test_every_public_name_is_there_and_documented(name) -> None:
    assert getattr(modelmill_sdk, name).__doc__
    assert name in dir(modelmill_sdk)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = modelmill_sdk.nothing_like_it
