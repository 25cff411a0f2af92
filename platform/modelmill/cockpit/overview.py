"""The operator's first page: how the installation is doing."""

from django.http import HttpResponse
from django.urls import path

from modelmill.catalog.selectors import plugin_list_all, quarantined_list
from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render
from modelmill.metering.refusing import refused_count
from modelmill.tenants.models import Tenant
from modelmill.tenants.selectors import tenant_list_all
from modelmill.training.selectors import job_list
from modelmill.training.services.presence import workers_live
from modelmill.training.states import State


@operator_page
def overview(request: OperatorRequest) -> HttpResponse:
    """Show the numbers that tell whether somebody must act."""
    tenants = tenant_list_all()
    context = {
        "tenant_count": tenants.count(),
        "suspended_count": tenants.filter(state=Tenant.State.SUSPENDED).count(),
        "newest": list(tenants[:5]),
        "worker_count": workers_live().count(),
        "running_count": job_list().filter(state=State.RUNNING).count(),
        "waiting_count": job_list().filter(state=State.QUEUED).count(),
        "plugin_count": plugin_list_all().count(),
        "broken_count": quarantined_list().count(),
        "refused_count": refused_count(),
    }
    return operator_render(request, "cockpit/overview.html", context)


routes = [path("cockpit", overview, name="overview")]
