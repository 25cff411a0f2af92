"""The operator's view of the plugins: what is installed, what broke, what is in doubt."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext as _

from modelmill.billing.books import book_current, book_rates
from modelmill.billing.rating import rate_for
from modelmill.billing.subscriptions import plan_list
from modelmill.catalog.isolation import plugin_level
from modelmill.catalog.meters import meters_told
from modelmill.catalog.models import Plugin
from modelmill.catalog.selectors import (
    access_release,
    plan_decisions,
    plugin_list_all,
    quarantined_list,
    release_doubted_list,
    release_list,
)
from modelmill.catalog.services import (
    plan_offer_set,
    plugin_enable,
    plugin_keep_predicting,
    release_enable,
    release_trust,
)
from modelmill.cockpit.decisions import DECISION_WORDS, decision_read
from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render
from modelmill.core.doorbell import ring
from modelmill.registry.installed import plugin_is_usable

# What our SDK and our plugins say of a base model that they leave out; a stranger's own words stay.
LEFT_OUT_REASONS = (
    gettext_noop(
        "Its weights are pickles, which run code when they are opened: save them as safetensors."
    ),
    gettext_noop("It has no weights: there is no .safetensors file in it."),
    gettext_noop(
        "It makes its vectors in a way that is not done here: use one that pools plainly."
    ),
    gettext_noop(
        "Its name cannot be typed: rename the folder with letters, digits, dots and hyphens."
    ),
    gettext_noop("No more than 200 base models are listed: take away those that nobody needs."),
    gettext_noop("More are left out: mend these first."),
)
DESCRIBE_TASK = "workers.tasks.catalog.describe"


@operator_page
def plugins(request: OperatorRequest) -> HttpResponse:
    """List every plugin ever seen with its current release, and the broken ones with tracebacks."""
    context = {
        "plugins": [(found, plugin_level(found.pk)) for found in plugin_list_all()],
        "broken": quarantined_list(),
        "doubted": release_doubted_list(),
    }
    return operator_render(request, "cockpit/plugins.html", context)


@operator_page
def plugin(request: OperatorRequest, plugin_id: str) -> HttpResponse:
    """Show one plugin's releases, and who may use it."""
    found = plugin_list_all().filter(pk=plugin_id).first()
    if found is None:
        raise Http404
    decisions = plan_decisions(found)
    context = {
        "plugin": found,
        "level": plugin_level(found.pk),
        "releases": release_list(found),
        "left_out": _left_out(found),
        "wants_models": found.release is not None and not plugin_is_usable(found),
        "unpriced": _unpriced(found),
        "plans": [(plan, DECISION_WORDS[decisions.get(plan.code)]) for plan in plan_list()],
    }
    return operator_render(request, "cockpit/plugin.html", context)


def _title(plugin: Plugin) -> str:
    """Name a plugin in the operator's language, where its author brought a translation."""
    return plugin.release.title if plugin.release else plugin.title


def _left_out(plugin: Plugin) -> list[tuple[str, str]]:
    """List the base models that the current release does not use, each with why."""
    told = plugin.release.field("left_out") if plugin.release else None
    return [(str(one["folder"]), gettext(str(one["reason"]))) for one in told or []]


def _unpriced(plugin: Plugin) -> list[str]:
    """Name the plugin's meters that the book in force has no price for."""
    meters = meters_told(plugin.release.manifest) if plugin.release else {}
    rates = book_rates(book_current().pk)
    return [
        title
        for meter, title in meters.items()
        if rate_for(rates, meter=meter, plugin_id=plugin.pk) is None
    ]


@operator_page
def plugin_audience(request: OperatorRequest, plugin_id: str) -> HttpResponse:
    """Decide which plans have a plugin, and whether models go on without it."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = plugin_list_all().filter(pk=plugin_id).first()
    if found is None:
        raise Http404
    for plan in plan_list():
        word = request.POST.get(f"plan-{plan.code}", "")
        plan_offer_set(found, plan_code=plan.code, is_enabled=decision_read(word))
    plugin_keep_predicting(found, keeps_predicting=request.POST.get("keeps_predicting") == "1")
    messages.success(request, _("%(name)s: saved.") % {"name": _title(found)})
    return redirect("cockpit:plugin", plugin_id=found.pk)


@operator_page
def plugin_switch(request: OperatorRequest, plugin_id: str) -> HttpResponse:
    """Turn a plugin on or off for all tenants."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = plugin_list_all().filter(pk=plugin_id).first()
    if found is None:
        raise Http404
    plugin_enable(found, is_enabled=request.POST.get("enabled") == "1")
    messages.success(request, _("%(name)s: saved.") % {"name": _title(found)})
    return redirect("cockpit:plugins")


@operator_page
def plugins_look(request: OperatorRequest) -> HttpResponse:
    """Ask the workers to look at what is installed, now."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if ring(DESCRIBE_TASK, {}):
        messages.success(request, _("A worker looks again. Reload this page in a few seconds."))
    else:
        messages.error(request, _("The workers cannot be reached now. Look at Workers."))
    return redirect("cockpit:plugins")


@operator_page
def release_switch(request: OperatorRequest, release_id: str) -> HttpResponse:
    """Confirm a release that is in doubt, or let one train or not."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = access_release(release_id)
    if request.POST.get("trust") == "1":
        release_trust(found)
    elif "enabled" in request.POST:
        release_enable(found, is_enabled=request.POST["enabled"] == "1")
    named = {"name": f"{found.title} {found.version}"}
    messages.success(request, _("%(name)s: saved.") % named)
    return redirect("cockpit:plugin", plugin_id=found.plugin_id)


routes = [
    path("cockpit/plugins", plugins, name="plugins"),
    path("cockpit/plugins/look", plugins_look, name="plugins_look"),
    path("cockpit/plugins/<str:plugin_id>", plugin, name="plugin"),
    path("cockpit/plugins/<str:plugin_id>/audience", plugin_audience, name="plugin_audience"),
    path("cockpit/plugins/<str:plugin_id>/switch", plugin_switch, name="plugin_switch"),
    path("cockpit/releases/<str:release_id>", release_switch, name="release_switch"),
]
