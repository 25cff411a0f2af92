"""What the operator's commands share."""

from django.core.management.base import CommandError

from modelmill.tenants.models import Tenant


def tenant_named(slug: str) -> Tenant:
    """Return the tenant of a slug. Raises CommandError."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no organisation {slug!r}.")
    return tenant
