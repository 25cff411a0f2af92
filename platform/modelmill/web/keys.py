"""API keys: made here, shown once, revoked here."""

from datetime import timedelta
from typing import Final

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache

from modelmill.tenants.permissions import KEY_SCOPES
from modelmill.tenants.selectors import access_api_key, api_key_list
from modelmill.tenants.services import api_key_create, api_key_revoke
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.words import SCOPE_LABELS

_LIFETIMES_DAYS: Final = (
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("1 year")),
    ("", pgettext_lazy("how long a key lives", "Never")),
)


class KeyForm(forms.Form):
    """A new key's name, what it may do, and how long it lives."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("Where the key is used, such as “website” or “notebook”."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What may it do?"),
        choices=[
            (scope, format_lazy("{} ({})", SCOPE_LABELS[scope], scope)) for scope in KEY_SCOPES
        ],
        widget=forms.CheckboxSelectMultiple,
        initial=["infer", "models:read"],
        error_messages={"required": gettext_lazy("Choose at least one.")},
    )
    lifetime_days = forms.ChoiceField(
        label=gettext_lazy("Expires after"), choices=_LIFETIMES_DAYS, required=False, initial="90"
    )


@tenant_page(read="keys:write", write="keys:write")
def keys(request: PageRequest) -> HttpResponse:
    """List the keys, used and revoked."""
    rows = [
        {
            "key": key,
            "state": _state(key.revoked_at is not None, key.is_expired),
        }
        for key in api_key_list()
    ]
    return render(request, "web/keys.html", {"rows": rows})


@never_cache
@tenant_page(read="keys:write", write="keys:write")
def key_new(request: PageRequest) -> HttpResponse:
    """Make a key and show its secret, this one time."""
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        days = form.cleaned_data["lifetime_days"]
        key, secret = api_key_create(
            form.cleaned_data["name"],
            caller=request.caller,
            scopes=form.cleaned_data["scopes"],
            expires_at=timezone.now() + timedelta(days=int(days)) if days else None,
        )
        # Shown in this answer alone: not redirected to, so that it is stored nowhere.
        context = {"key": key, "secret": secret}
        return render(request, "web/key_made.html", context, status=201)
    return render(request, "web/key_new.html", {"form": form})


@tenant_page(read="keys:write", write="keys:write")
def key_revoke(request: PageRequest, key_id: str) -> HttpResponse:
    """End a key."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    key = api_key_revoke(access_api_key(key_id), caller=request.caller)
    messages.success(request, _("The key “%(name)s” is revoked.") % {"name": key.name})
    return redirect("web:keys")


def _state(is_revoked: bool, is_expired: bool) -> str:
    if is_revoked:
        return "revoked"
    return "expired" if is_expired else "active"


routes = [
    path("keys", keys, name="keys"),
    path("keys/new", key_new, name="key_new"),
    path("keys/<str:key_id>/revoke", key_revoke, name="key_revoke"),
]
