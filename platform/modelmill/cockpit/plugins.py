"""The operator's view of the plugins: what is installed, on or off, and what broke."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _

from modelmill.catalog.selectors import plugin_list_all, quarantined_list
from modelmill.catalog.services import plugin_enable
from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render


@operator_page
def plugins(request: OperatorRequest) -> HttpResponse:
    """List every plugin ever seen with its current release, and the broken ones with tracebacks."""
    context = {"plugins": plugin_list_all(), "broken": quarantined_list()}
    return operator_render(request, "cockpit/plugins.html", context)


@operator_page
def plugin_switch(request: OperatorRequest, plugin_id: str) -> HttpResponse:
    """Turn a plugin on or off for all tenants."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    plugin = plugin_list_all().filter(pk=plugin_id).first()
    if plugin is None:
        raise Http404
    plugin_enable(plugin, is_enabled=request.POST.get("enabled") == "1")
    messages.success(request, _("%(name)s: saved.") % {"name": plugin.title})
    return redirect("cockpit:plugins")


routes = [
    path("cockpit/plugins", plugins, name="plugins"),
    path("cockpit/plugins/<str:plugin_id>/switch", plugin_switch, name="plugin_switch"),
]
