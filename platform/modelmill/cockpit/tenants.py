"""The operator's view of the tenants: who they are, and whether they may work."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _

from modelmill.billing.selectors import balance_summary
from modelmill.catalog.selectors import plugin_list, plugin_list_all, tenant_decisions
from modelmill.catalog.services import offer_set
from modelmill.cockpit.decisions import DECISION_WORDS, decision_read
from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render
from modelmill.core.scope import tenant_scope
from modelmill.tenants.models import Tenant
from modelmill.tenants.selectors import (
    access_tenant,
    api_key_list,
    audit_list,
    member_list,
    tenant_list_all,
)
from modelmill.tenants.services import operator_record, tenant_state_set

_SHOWN = 100


@operator_page
def tenants(request: OperatorRequest) -> HttpResponse:
    """List the newest tenants, or those a search finds."""
    search = request.GET.get("q", "").strip()
    found = list(tenant_list_all(search=search)[: _SHOWN + 1])
    context = {"tenants": found[:_SHOWN], "search": search, "more": len(found) > _SHOWN}
    return operator_render(request, "cockpit/tenants.html", context)


@operator_page
def tenant(request: OperatorRequest, tenant_id: str) -> HttpResponse:
    """Show one tenant: its people, its keys, what happened there."""
    found = access_tenant(tenant_id)
    with tenant_scope(found.pk):
        context = {
            "tenant": found,
            "members": list(member_list()),
            "key_count": api_key_list().filter(revoked_at=None).count(),
            "money": balance_summary(found.pk),
            "entries": list(audit_list()[:20]),
            "plugins": _plugins(),
        }
    return operator_render(request, "cockpit/tenant.html", context)


@operator_page
def tenant_state(request: OperatorRequest, tenant_id: str) -> HttpResponse:
    """Suspend a tenant or let it work again; its own log says so."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = access_tenant(tenant_id)
    wanted = request.POST.get("state")
    if wanted in Tenant.State.values and wanted != found.state:
        tenant_state_set(found, state=wanted, actor=f"operator {request.user.email}")
        messages.success(request, _("%(name)s: saved.") % {"name": found.name})
    return redirect("cockpit:tenant", tenant_id=found.pk)


@operator_page
def tenant_plugins(request: OperatorRequest, tenant_id: str) -> HttpResponse:
    """Decide which plugins one tenant has, whatever its plan says; its own log says so."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = access_tenant(tenant_id)
    with tenant_scope(found.pk):
        before = tenant_decisions()
        for plugin in plugin_list_all():
            wanted = decision_read(request.POST.get(f"plugin-{plugin.pk}", ""))
            if wanted != before.get(plugin.pk):
                offer_set(plugin, is_enabled=wanted)
                operator_record(
                    "plugin.offered",
                    tenant=found,
                    actor=f"operator {request.user.email}",
                    object_id=plugin.pk,
                    detail={"is_enabled": wanted},
                )
    messages.success(request, _("%(name)s: saved.") % {"name": found.name})
    return redirect("cockpit:tenant", tenant_id=found.pk)


def _plugins() -> list[dict[str, Any]]:
    """Return every plugin with the decision about the tenant in scope, and what comes of it."""
    decisions, usable = tenant_decisions(), set(plugin_list().values_list("pk", flat=True))
    return [
        {
            "plugin": plugin,
            "word": DECISION_WORDS[decisions.get(plugin.pk)],
            "is_usable": plugin.pk in usable,
        }
        for plugin in plugin_list_all()
    ]


routes = [
    path("cockpit/tenants", tenants, name="tenants"),
    path("cockpit/tenants/<str:tenant_id>", tenant, name="tenant"),
    path("cockpit/tenants/<str:tenant_id>/plugins", tenant_plugins, name="tenant_plugins"),
    path("cockpit/tenants/<str:tenant_id>/state", tenant_state, name="tenant_state"),
]
