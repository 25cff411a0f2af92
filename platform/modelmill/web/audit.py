"""The audit log, as the tenant reads it."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from modelmill.tenants.selectors import audit_list
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.paging import rows_of


@tenant_page(read="members:write")
def audit(request: PageRequest) -> HttpResponse:
    """List what was done by whom, newest first."""
    return render(request, "web/audit.html", {"rows": rows_of(audit_list(), request, size=50)})


routes = [path("audit", audit, name="audit")]
