"""The tenant's own settings: name, time zone, language."""

from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelmill.tenants.services import tenant_change
from modelmill.web.framework import PageRequest, tenant_page


def _zones() -> list[tuple[str, str]]:
    names = {name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}
    return [(name, name.replace("_", " ")) for name in ["UTC", *sorted(names)]]


class OrganisationForm(forms.Form):
    """What a tenant may change about itself."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=_zones,
        help_text=gettext_lazy("Times on every page are shown in it. Invoices close in UTC."),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=settings.LANGUAGES,
        help_text=gettext_lazy(
            "For e-mails and invoices. Everyone chooses their own for the pages."
        ),
    )


@tenant_page(read="members:write", write="members:write")
def organisation(request: PageRequest) -> HttpResponse:
    """Show and change the tenant's settings."""
    tenant = request.caller.tenant
    initial = {"name": tenant.name, "time_zone": tenant.time_zone, "language": tenant.language}
    form = OrganisationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        tenant_change(tenant, caller=request.caller, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("web:settings")
    return render(request, "web/settings.html", {"form": form})


routes = [path("settings", organisation, name="settings")]
