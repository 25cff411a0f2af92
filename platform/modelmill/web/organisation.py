"""The tenant's own settings: name, time zone, language, and what its invoices say of it."""

from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelmill.tenants.services import billing_require, tenant_billing_change, tenant_change
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


class BillingForm(forms.Form):
    """What a tenant's invoices say of it."""

    billing_name = forms.CharField(
        label=gettext_lazy("Name on invoices"),
        max_length=200,
        required=False,
        help_text=gettext_lazy(
            "The full name of your company. Empty: the name of your organisation."
        ),
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


@tenant_page()
def organisation(request: PageRequest) -> HttpResponse:
    """Show the settings that the caller may change; take the name, time zone and language."""
    billing_require(request.caller)
    if request.method != "POST":
        return _page(request)
    request.caller.require("members:write")
    form = OrganisationForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form)
    tenant_change(request.caller.tenant, caller=request.caller, **form.cleaned_data)
    messages.success(request, _("Saved."))
    return redirect("web:settings")


@tenant_page()
def organisation_billing(request: PageRequest) -> HttpResponse:
    """Take what the invoices say of the tenant."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    billing_require(request.caller)
    form = BillingForm(request.POST)
    if not form.is_valid():
        return _page(request, billing=form)
    tenant_billing_change(request.caller.tenant, caller=request.caller, **form.cleaned_data)
    messages.success(request, _("Saved."))
    return redirect("web:settings")


def _page(
    request: PageRequest,
    *,
    form: OrganisationForm | None = None,
    billing: BillingForm | None = None,
) -> HttpResponse:
    """Show both forms, or the second alone to one who minds the bills only."""
    tenant = request.caller.tenant
    names = [*OrganisationForm.base_fields, *BillingForm.base_fields]
    initial = {name: getattr(tenant, name) for name in names}
    may_change = request.caller.may("members:write")
    context = {
        "form": (form or OrganisationForm(initial=initial)) if may_change else None,
        "billing": billing or BillingForm(initial=initial),
    }
    return render(request, "web/settings.html", context)


routes = [
    path("settings", organisation, name="settings"),
    path("settings/billing", organisation_billing, name="settings_billing"),
]
