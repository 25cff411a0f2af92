"""Rows that belong to a tenant: the fail-closed manager, and the base model."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from django.db import models

from modelmill.core.scope import ScopeCrossed, scoped_tenant_id

M = TypeVar("M", bound=models.Model)

_TENANT_FIELDS = {"tenant", "tenant_id"}


class TenantQuerySet(models.QuerySet[M]):
    """A queryset whose writes stay inside the scope it is used in."""

    def _insert(self, objs: Collection[Any], *args: Any, **kwargs: Any) -> Any:
        # Every way to insert (save, create, bulk_create, get_or_create) ends here.
        for row in objs:
            refuse_foreign(row.tenant_id)
        return super()._insert(objs, *args, **kwargs)  # type: ignore[misc]

    def update(self, **kwargs: Any) -> int:
        """Update rows in scope; a row never changes its tenant."""
        if _TENANT_FIELDS & kwargs.keys():
            raise ScopeCrossed("A row cannot be moved to another tenant.")
        return super().update(**kwargs)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse raw SQL on a tenant's table: it would see every tenant."""
        if scoped_tenant_id() is not None:
            raise ScopeCrossed("Raw SQL does not know the tenant scope; use a queryset.")
        return super().raw(*args, **kwargs)


if TYPE_CHECKING:
    _Manager = models.Manager
else:
    _Manager = models.Manager.from_queryset(TenantQuerySet)


class TenantManager(_Manager[M]):
    """The only manager of a tenant's table, also for Django's own inner queries."""

    def get_queryset(self) -> TenantQuerySet[M]:
        """Return the rows in scope; raises ``ScopeMissing`` when no scope is open."""
        tenant_id = scoped_tenant_id()
        rows = cast(TenantQuerySet[M], super().get_queryset())
        return rows if tenant_id is None else rows.filter(tenant_id=tenant_id)


class TenantOwned(models.Model):
    """A row of one tenant. Subclasses write ``class Meta(TenantOwned.Meta)``."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        abstract = True
        # Django saves, refreshes and follows links through the base manager:
        # left unscoped, those three would be holes in the wall.
        base_manager_name = "objects"

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row; raises ``ScopeCrossed`` for another tenant's."""
        # Django deletes an instance by its key alone, past every manager.
        refuse_foreign(self.tenant_id)
        return super().delete(*args, **kwargs)


def refuse_foreign(tenant_id: str) -> None:
    """Raise ``ScopeCrossed`` unless this tenant, or everyone, is in scope."""
    scoped = scoped_tenant_id()
    if scoped is not None and scoped != tenant_id:
        raise ScopeCrossed("This row belongs to a tenant that is not in scope.")
