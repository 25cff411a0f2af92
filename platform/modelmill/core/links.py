"""A link that cannot cross tenants: the composite foreign key (tenant, object)."""

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement


class TenantLink(models.BaseConstraint):
    """Make ``field`` point at a row of the same tenant, by the database's own hand.

    Adds FOREIGN KEY (tenant_id, <field>_id) REFERENCES <target> (tenant_id, id)
    beside Django's own key, on SQLite and PostgreSQL alike; a cross-tenant link
    is an ``IntegrityError`` at the statement that makes it. The target needs
    ``UniqueConstraint(fields=["tenant", "id"])``. An empty link passes.
    """

    def __init__(self, *, field: str, name: str) -> None:
        super().__init__(name=name)
        self.field = field

    def constraint_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        """Return the table constraint, for CREATE TABLE."""
        assert schema_editor is not None
        quote = schema_editor.quote_name
        link = model._meta.get_field(self.field)
        target = link.remote_field.model._meta
        return (
            f"CONSTRAINT {quote(self.name)} FOREIGN KEY ({quote('tenant_id')}, "
            f"{quote(link.column)}) REFERENCES {quote(target.db_table)} "
            f"({quote('tenant_id')}, {quote(target.pk.column)})"
        )

    def create_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        """Return the ALTER TABLE that adds it; SQLite's editor remakes the table instead."""
        assert schema_editor is not None
        return Statement(
            "ALTER TABLE %(table)s ADD %(constraint)s",
            table=schema_editor.quote_name(model._meta.db_table),
            constraint=self.constraint_sql(model, schema_editor),
        )

    def remove_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        """Return the ALTER TABLE that drops it."""
        assert schema_editor is not None
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s",
            table=schema_editor.quote_name(model._meta.db_table),
            name=schema_editor.quote_name(self.name),
        )

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Leave it to the database, which alone sees the moment of the write."""

    def deconstruct(self) -> Any:
        """Return what a migration needs to make this again."""
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "field": self.field}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TenantLink):
            return (self.name, self.field) == (other.name, other.field)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.name, self.field))
