"""The tenant's own settings: name, time zone, language, and what its invoices say of it."""

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

_ADDRESS_LINES = 8


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
    billing_name = forms.CharField(
        label=gettext_lazy("Name on invoices"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("The full name of your company. Empty: the name above."),
    )
    billing_address = forms.CharField(
        label=gettext_lazy("Address on invoices"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy("Invoices that were issued already stay as they are."),
    )
    tax_number = forms.CharField(
        label=gettext_lazy("Tax number"),
        max_length=50,
        required=False,
    )

    def clean_billing_address(self) -> str:
        """Take an address that fits above an invoice."""
        address: str = self.cleaned_data["billing_address"]
        if len(address.splitlines()) > _ADDRESS_LINES:
            raise forms.ValidationError(
                _("Write it in at most %(most)s lines.") % {"most": _ADDRESS_LINES}
            )
        return address


@tenant_page(read="members:write", write="members:write")
def organisation(request: PageRequest) -> HttpResponse:
    """Show and change the tenant's settings."""
    tenant = request.caller.tenant
    initial = {name: getattr(tenant, name) for name in OrganisationForm.base_fields}
    form = OrganisationForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        tenant_change(tenant, caller=request.caller, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("web:settings")
    return render(request, "web/settings.html", {"form": form})


routes = [path("settings", organisation, name="settings")]
