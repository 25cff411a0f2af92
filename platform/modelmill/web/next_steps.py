"""What a tenant does next on the way to its first model."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from modelmill.tenants.callers import Caller
from modelmill.tenants.selectors import api_key_list


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the way: what, why, where, and whether it is behind us."""

    title: str | Promise
    text: str | Promise
    icon: str
    url: str
    action: str | Promise
    is_done: bool


def next_steps(caller: Caller) -> list[Step]:
    """Return the steps this caller may take, in order."""
    steps = [
        Step(
            title=_("Make an API key"),
            text=_("Use your models from your own programs, with the client you know."),
            icon="key",
            url=_url("web:key_new") if caller.may("keys:write") else "",
            action=_("New key"),
            is_done=api_key_list().exists(),
        ),
    ]
    return [step for step in steps if step.url]


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
