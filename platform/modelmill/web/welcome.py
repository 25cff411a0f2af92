"""The first page after sign-up, and the way into another tenant."""

from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from modelmill.tenants.models import User
from modelmill.tenants.selectors import tenants_of_user
from modelmill.tenants.services import tenant_create
from modelmill.web.framework import tenant_enter
from modelmill.web.invitations import SESSION_INVITATION


class TenantForm(forms.Form):
    """The name of a new tenant; a script adds the browser's time zone."""

    name = forms.CharField(
        label=_("Name of your organisation"),
        max_length=100,
        help_text=_("Your team, company or project. You can change it later."),
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "organization"}),
    )
    time_zone = forms.CharField(
        required=False, widget=forms.HiddenInput(attrs={"data-time-zone": True})
    )

    def clean_time_zone(self) -> str:
        """Take the browser's word only for a time zone that exists."""
        zone: str = self.cleaned_data["time_zone"]
        return zone if zone in available_timezones() else "UTC"


@login_required
def welcome(request: HttpRequest) -> HttpResponse:
    """Name a tenant and enter it; an invitation that is waiting comes first."""
    assert isinstance(request.user, User)
    waiting = request.session.get(SESSION_INVITATION)
    if waiting and request.method == "GET":
        return redirect("web:invitation", secret=waiting)
    form = TenantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        tenant = tenant_create(
            form.cleaned_data["name"],
            owner=request.user,
            language=get_language() or "en",
            time_zone=form.cleaned_data["time_zone"],
        )
        tenant_enter(request, tenant)
        return redirect("web:home")
    is_first = not tenants_of_user(request.user)
    return render(request, "web/welcome.html", {"form": form, "is_first": is_first})


@require_POST
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """Enter another of one's tenants."""
    assert isinstance(request.user, User)
    wanted = request.POST.get("tenant", "")
    for tenant in tenants_of_user(request.user):
        if tenant.pk == wanted:
            tenant_enter(request, tenant)
            return redirect("web:home")
    raise Http404


routes = [
    path("welcome", welcome, name="welcome"),
    path("switch", switch, name="switch"),
]
