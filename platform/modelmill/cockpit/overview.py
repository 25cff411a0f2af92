"""The operator's first page: how the installation is doing."""

from django.http import HttpResponse
from django.urls import path

from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render
from modelmill.tenants.models import Tenant
from modelmill.tenants.selectors import tenant_list_all


@operator_page
def overview(request: OperatorRequest) -> HttpResponse:
    """Show the numbers that tell whether somebody must act."""
    tenants = tenant_list_all()
    context = {
        "tenant_count": tenants.count(),
        "suspended_count": tenants.filter(state=Tenant.State.SUSPENDED).count(),
        "newest": list(tenants[:5]),
    }
    return operator_render(request, "cockpit/overview.html", context)


routes = [path("cockpit", overview, name="overview")]
