"""A database of the benchmark's own, in a folder that goes with it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def database() -> Iterator[str]:
    """Set Django up on a fresh SQLite file (or on ``DATABASE_URL``), migrated; yield its folder."""
    with tempfile.TemporaryDirectory(prefix="modelmill-bench-") as folder:
        os.environ["MODELMILL_VAR_DIR"] = folder
        (Path(folder) / "static").mkdir()
        os.environ["DJANGO_SETTINGS_MODULE"] = "modelmill.settings"
        os.environ.setdefault("LOG_LEVEL", "ERROR")
        os.environ.setdefault("SECRET_KEY", "only-for-a-benchmark-0123456789-0123456789")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        yield folder


class BenchPlace:
    """A tenant and its owner, as ``tests.making`` wants them."""

    def __init__(self) -> None:
        from modelmill.billing.services import subscription_ensure
        from modelmill.tenants.callers import caller_system
        from modelmill.tenants.models import User
        from modelmill.tenants.services import tenant_create

        self.tenant = tenant_create("Bench", owner=User.objects.create_user("bench@example.com"))
        self.caller = caller_system(self.tenant)
        with self.scope():
            subscription_ensure(self.tenant)

    def scope(self) -> Any:
        """Open the tenant's scope."""
        from modelmill.core.scope import tenant_scope

        return tenant_scope(self.tenant.pk)
