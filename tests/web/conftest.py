"""What the pages' tests share: a tenant in the middle of its work."""

from typing import Any

import pytest

from tests.conftest import Place
from tests.showroom import Showroom, showroom_make


@pytest.fixture
def showroom(acme: Place, settings: Any, tmp_path: Any) -> Showroom:
    """Acme with data, jobs, models, a prediction, usage and an invoice."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    return showroom_make(acme)
