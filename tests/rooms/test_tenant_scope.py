"""The four locks of tenancy, one to three: manager, write check, composite key."""

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import transaction
from modelmill.core.owned import TenantManager, TenantOwned
from modelmill.core.scope import LateScope, ScopeCrossed, ScopeMissing, system_scope, tenant_scope
from modelmill.tenants.models import ApiKey, AuditEntry

OWNED = [model for model in apps.get_models() if issubclass(model, TenantOwned)]

READS = ["all", "count", "exists", "first", "last", "none", "iterator", "values", "values_list"]
ASYNC_READS = ["aexists", "acount", "afirst"]


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__name__)
def test_every_owned_table_uses_the_fail_closed_manager_everywhere(model: type) -> None:
    assert isinstance(model._default_manager, TenantManager)
    assert isinstance(model._base_manager, TenantManager)
    assert [type(manager) for manager in model._meta.managers] == [TenantManager]


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__name__)
@pytest.mark.parametrize("method", READS)
def test_it_refuses_to_read_without_a_scope(model: type, method: str, db: None) -> None:
    with pytest.raises(ScopeMissing):
        getattr(model.objects, method)()


@pytest.mark.parametrize("method", ASYNC_READS)
def test_it_refuses_to_read_asynchronously_without_a_scope(method: str, db: None) -> None:
    async def read() -> None:
        await getattr(AuditEntry.objects, method)()

    with pytest.raises(ScopeMissing):
        async_to_sync(read)()


def test_a_scope_that_is_opened_late_ends_with_its_block(acme, globex) -> None:
    with LateScope() as scope:
        with pytest.raises(ScopeMissing):
            ApiKey.objects.count()
        with pytest.raises(ScopeMissing):
            scope.open("*")
        scope.open(acme.tenant.id)
        assert {key.tenant_id for key in ApiKey.objects.all()} == {acme.tenant.id}
    with pytest.raises(ScopeMissing):
        ApiKey.objects.count()
    with globex.scope():
        with LateScope() as scope:
            scope.open(acme.tenant.id)
        assert {key.tenant_id for key in ApiKey.objects.all()} == {globex.tenant.id}


def test_it_refuses_to_write_without_a_scope(acme) -> None:
    entry = AuditEntry(tenant=acme.tenant, action="x", actor="y")
    for write in (
        entry.save,
        lambda: AuditEntry.objects.bulk_create([entry]),
        lambda: AuditEntry.objects.create(tenant=acme.tenant, action="x", actor="y"),
        lambda: AuditEntry.objects.filter(action="x").delete(),
        lambda: AuditEntry.objects.update(action="z"),
    ):
        with pytest.raises(ScopeMissing):
            write()


def test_it_hides_a_strangers_rows(acme, globex) -> None:
    with acme.scope():
        assert {entry.tenant_id for entry in AuditEntry.objects.all()} == {acme.tenant.id}
    with system_scope("the test compares tenants"):
        assert AuditEntry.objects.values("tenant_id").distinct().count() == 2


def test_it_refuses_to_write_delete_or_refresh_a_strangers_row(acme, globex) -> None:
    with globex.scope():
        theirs = ApiKey.objects.get()
    with acme.scope():
        with pytest.raises(ScopeCrossed):
            theirs.delete()
        with pytest.raises(ScopeCrossed), transaction.atomic():
            theirs.save()
        with pytest.raises(ApiKey.DoesNotExist):
            theirs.refresh_from_db()
        with pytest.raises(ScopeCrossed), transaction.atomic():
            ApiKey.objects.bulk_create([ApiKey(tenant=globex.tenant, name="n", secret_sha256="0")])
        with pytest.raises(ScopeCrossed):
            ApiKey.objects.update(tenant=globex.tenant)
        with pytest.raises(ScopeCrossed):
            ApiKey.objects.raw("SELECT * FROM tenants_apikey")
        assert ApiKey.objects.filter(pk=theirs.pk).update(name="mine") == 0


def _links() -> list[tuple[type, str]]:
    found = []
    for model in OWNED:
        for field in model._meta.get_fields():
            is_link = field.is_relation and field.many_to_one and field.concrete
            if is_link and issubclass(field.related_model, TenantOwned):
                found.append((model, field.name))
    return found


@pytest.mark.parametrize(("model", "field"), _links(), ids=str)
def test_every_link_between_owned_rows_is_a_composite_key(model: type, field: str) -> None:
    from modelmill.core.links import TenantLink

    linked = {c.field for c in model._meta.constraints if isinstance(c, TenantLink)}
    assert field in linked, f"{model.__name__}.{field} needs a TenantLink"


def test_scopes_nest_and_close(acme, globex) -> None:
    with tenant_scope(acme.tenant.id):
        with tenant_scope(globex.tenant.id):
            assert ApiKey.objects.get().tenant_id == globex.tenant.id
        assert ApiKey.objects.get().tenant_id == acme.tenant.id
    with pytest.raises(ScopeMissing):
        ApiKey.objects.count()
