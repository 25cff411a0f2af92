"""What the pages' tests share: a tenant in the middle of its work."""

from typing import Any

import pytest
from django.test import Client
from modelmill.tenants.models import User

from tests.conftest import Place
from tests.showroom import Showroom, showroom_make


@pytest.fixture
def showroom(acme: Place, settings: Any, tmp_path: Any) -> Showroom:
    """Acme with data, jobs, models, a prediction, usage and an invoice."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    return showroom_make(acme)


@pytest.fixture
def operator(db: None) -> Client:
    """A browser of somebody who runs the installation."""
    user = User.objects.create_user("op@mill.example", "a mill by the pond", is_staff=True)
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client
