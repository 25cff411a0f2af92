"""Webhooks: where the tenant's servers are told what happened, and how that went."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from modelmill.core.errors import Conflict, InvalidRequest
from modelmill.tenants.webhooks.events import EVENT_TYPES
from modelmill.tenants.webhooks.selectors import (
    access_delivery,
    access_endpoint,
    delivery_list,
    endpoint_list,
)
from modelmill.tenants.webhooks.services import (
    delivery_again,
    endpoint_change,
    endpoint_create,
    endpoint_delete,
    endpoint_secret_rotate,
    endpoint_test,
)
from modelmill.tenants.webhooks.signing import secret_hint
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.paging import rows_of


class WebhookForm(forms.Form):
    """Where to send what."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=500,
        help_text=gettext_lazy("A page of your own server, such as https://example.com/hooks."),
    )
    description = forms.CharField(label=gettext_lazy("Description"), max_length=100, required=False)
    event_types = forms.MultipleChoiceField(
        label=gettext_lazy("What is it told of?"),
        choices=[(event_type, event_type) for event_type in EVENT_TYPES],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        initial=list(EVENT_TYPES),
        help_text=gettext_lazy("None chosen means all, also those still to come."),
    )


@tenant_page(read="webhooks:read", write="webhooks:write")
def webhooks(request: PageRequest) -> HttpResponse:
    """List the endpoints."""
    may_write = request.caller.may("webhooks:write")
    return render(
        request, "webhooks/list.html", {"endpoints": endpoint_list(), "may_write": may_write}
    )


@never_cache
@tenant_page(read="webhooks:write", write="webhooks:write")
def webhook_new(request: PageRequest) -> HttpResponse:
    """Make an endpoint and show its secret, this one time."""
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            endpoint, secret = endpoint_create(caller=request.caller, **form.cleaned_data)
        except (InvalidRequest, Conflict) as error:
            form.add_error(error.param if error.param in form.fields else None, error.message)
        else:
            context = {"endpoint": endpoint, "secret": secret}
            return render(request, "webhooks/secret.html", context, status=201)
    status = 400 if form.errors else 200
    return render(request, "webhooks/new.html", {"form": form}, status=status)


@tenant_page(read="webhooks:read", write="webhooks:write")
def webhook(request: PageRequest, endpoint_id: str) -> HttpResponse:
    """Show an endpoint with the log of its deliveries."""
    endpoint = access_endpoint(endpoint_id)
    context = {
        "endpoint": endpoint,
        "hint": secret_hint(endpoint),
        "event_types": endpoint.event_types or EVENT_TYPES,
        "rows": rows_of(delivery_list(endpoint), request),
        "may_write": request.caller.may("webhooks:write"),
    }
    return render(request, "webhooks/detail.html", context)


@never_cache
@tenant_page(read="webhooks:write", write="webhooks:write")
def webhook_act(request: PageRequest, endpoint_id: str, act: str) -> HttpResponse:
    """Do what a button of the endpoint's page asks for."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    endpoint = access_endpoint(endpoint_id)
    if act == "rotate":
        secret = endpoint_secret_rotate(endpoint, caller=request.caller)
        return render(request, "webhooks/secret.html", {"endpoint": endpoint, "secret": secret})
    if act == "delete":
        endpoint_delete(endpoint, caller=request.caller)
        messages.success(request, _("The webhook is deleted."))
        return redirect("web:webhooks")
    if act == "test":
        endpoint_test(endpoint, caller=request.caller)
        messages.success(request, _("A test event is on its way."))
    else:
        endpoint_change(endpoint, caller=request.caller, is_enabled=act == "on")
    return redirect("web:webhook", endpoint.pk)


@tenant_page(read="webhooks:write", write="webhooks:write")
def webhook_redeliver(request: PageRequest, delivery_id: str) -> HttpResponse:
    """Send a delivery again."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    delivery = delivery_again(access_delivery(delivery_id), caller=request.caller)
    messages.success(request, _("The event is on its way again."))
    return redirect("web:webhook", delivery.endpoint_id)


routes = [
    path("webhooks", webhooks, name="webhooks"),
    path("webhooks/new", webhook_new, name="webhook_new"),
    path("webhooks/<str:endpoint_id>", webhook, name="webhook"),
    *[
        path(f"webhooks/<str:endpoint_id>/{act}", webhook_act, {"act": act}, name=f"webhook_{act}")
        for act in ("rotate", "delete", "test", "on", "off")
    ],
    path(
        "webhooks/deliveries/<str:delivery_id>/again", webhook_redeliver, name="webhook_redeliver"
    ),
]
