"""Tables that the database itself refuses to change: the ledger, the journal, invoices.

A room names what is frozen in its ``AppConfig.ready``. The triggers are made
after every ``migrate`` rather than by one migration, because SQLite drops a
table's triggers whenever a later migration remakes the table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

_PREFIX = "frozen_"
_frozen: dict[str, "Frozen"] = {}


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """What may not happen to a table's rows.

    ``when`` is an SQL condition, the same on both databases, over the row as
    ``{row}`` (``NEW`` on insert, ``OLD`` otherwise); empty means always.
    """

    table: str
    operations: tuple[str, ...] = ("UPDATE", "DELETE")
    when: str = ""

    def sql(self, vendor: str) -> list[str]:
        """Return the statements that make the triggers."""
        make = _sqlite_sql if vendor == "sqlite" else _postgresql_sql
        return [sql for operation in self.operations for sql in make(self, operation)]


def freeze(*rules: Frozen) -> None:
    """Register rules; the next ``migrate`` or ``flush`` puts them into the database."""
    _frozen.update({rule.table: rule for rule in rules})


def triggers_create(*, using: str = "default", **_signal: Any) -> None:
    """Make the triggers of every frozen table that exists; a second call changes nothing."""
    connection = connections[using]
    tables = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for rule in _frozen.values():
            for statement in rule.sql(connection.vendor) if rule.table in tables else []:
                cursor.execute(statement)


def triggers_drop(*, using: str = "default", **_signal: Any) -> None:
    """Drop the triggers, for a migration that remakes tables or a flush that empties them."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for name, table in _existing(connection, cursor):
            on = "" if connection.vendor == "sqlite" else f' ON "{table}"'
            cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"{on}')


@contextmanager
def thawed(*, using: str = "default") -> Iterator[None]:
    """Lift every rule inside the block."""
    triggers_drop(using=using)
    try:
        yield
    finally:
        triggers_create(using=using)


def _existing(connection: BaseDatabaseWrapper, cursor: Any) -> list[tuple[str, str]]:
    if connection.vendor == "sqlite":
        cursor.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'")
    else:
        cursor.execute(
            "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal"
        )
    return [(name, table) for name, table in cursor.fetchall() if name.startswith(_PREFIX)]


def _condition(rule: Frozen, operation: str) -> str:
    return rule.when.format(row="NEW" if operation == "INSERT" else "OLD") or "1 = 1"


def _sqlite_sql(rule: Frozen, operation: str) -> list[str]:
    name = f"{_PREFIX}{rule.table}_{operation.lower()}"
    return [
        f'CREATE TRIGGER IF NOT EXISTS "{name}" BEFORE {operation} ON "{rule.table}" '
        f"WHEN {_condition(rule, operation)} "
        f"BEGIN SELECT RAISE(ABORT, '{rule.table} is frozen: no {operation}'); END"
    ]


def _postgresql_sql(rule: Frozen, operation: str) -> list[str]:
    name = f"{_PREFIX}{rule.table}_{operation.lower()}"
    row = "OLD" if operation == "DELETE" else "NEW"
    return [
        f'CREATE OR REPLACE FUNCTION "{name}"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN '
        f"IF {_condition(rule, operation)} THEN RAISE EXCEPTION "
        f"'{rule.table} is frozen: no {operation}' "
        f"USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN {row}; END $$",
        f'CREATE OR REPLACE TRIGGER "{name}" BEFORE {operation} ON "{rule.table}" '
        f'FOR EACH ROW EXECUTE FUNCTION "{name}"()',
    ]
