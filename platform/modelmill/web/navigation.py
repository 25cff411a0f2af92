"""The side bar: what the dashboard offers, as far as the caller may see it."""

from dataclasses import dataclass
from typing import Final

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from modelmill.tenants.callers import Caller


@dataclass(frozen=True, kw_only=True)
class Item:
    """One link of the side bar."""

    label: str | Promise
    icon: str
    url: str
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class Group:
    """Links that belong together, with an optional heading."""

    label: str | Promise
    items: list[Item]


# (label, icon, URL name, path prefixes of all its pages, permissions of which one is enough or "")
_GROUPS: Final = (
    (
        "",
        (
            (_("Home"), "home", "web:home", "/home", ""),
            (_("Data"), "data", "web:datasets", "/data", "data:read"),
            (_("Plugins"), "plugin", "web:plugins", "/plugins", "models:read"),
            (_("Jobs"), "job", "web:jobs", "/jobs /searches", "jobs:read"),
            (_("Models"), "model", "web:models", "/models", "models:read"),
            (_("Playground"), "playground", "web:playground", "/playground", "infer"),
        ),
    ),
    (
        _("Costs"),
        (
            (_("Usage"), "usage", "web:usage", "/usage", "billing:read"),
            (_("Invoices"), "invoice", "web:invoices", "/invoices", "billing:read"),
        ),
    ),
    (
        _("Organisation"),
        (
            (_("Team"), "team", "web:team", "/team", ""),
            (_("API keys"), "key", "web:keys", "/keys", "keys:write"),
            (_("Webhooks"), "webhook", "web:webhooks", "/webhooks", "webhooks:read"),
            (_("Audit log"), "audit", "web:audit", "/audit", "members:write"),
            (_("Settings"), "settings", "web:settings", "/settings", "members:write billing:write"),
        ),
    ),
)


def navigation_for(caller: Caller, *, path: str) -> list[Group]:
    """Return the links this caller may follow, in groups; absent pages are left out."""
    groups = []
    for label, rows in _GROUPS:
        items = [
            Item(label=name, icon=icon, url=url, is_current=_is_below(path, prefixes))
            for name, icon, url_name, prefixes, either in rows
            if (not either or any(map(caller.may, either.split()))) and (url := _url(url_name))
        ]
        if items:
            groups.append(Group(label=label, items=items))
    return groups


def _is_below(path: str, prefixes: str) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in prefixes.split())


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
