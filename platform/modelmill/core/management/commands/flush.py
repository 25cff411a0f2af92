"""Django's ``flush``, which on SQLite deletes row by row and would meet the frozen tables."""

from typing import Any

from django.core.management.commands.flush import Command as DjangoFlush
from django.db import connections

from modelmill.core.freezing import thawed


class Command(DjangoFlush):
    """Empty every table, also those whose rows are otherwise never deleted."""

    def handle(self, **options: Any) -> None:
        """Ask, as Django does, and empty the database."""
        database = options["database"]
        # SQLite empties table by table, in no order that a TenantLink would accept.
        with thawed(using=database), connections[database].constraint_checks_disabled():
            super().handle(**options)
