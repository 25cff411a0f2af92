"""Django's ``flush``, which on SQLite deletes row by row and would meet the frozen tables."""

from typing import Any

from django.core.management.commands.flush import Command as DjangoFlush

from modelmill.core.freezing import thawed


class Command(DjangoFlush):
    """Empty every table, also those whose rows are otherwise never deleted."""

    def handle(self, **options: Any) -> None:
        """Ask, as Django does, and empty the database."""
        with thawed(using=options["database"]):
            super().handle(**options)
