"""What a tenant does next on the way to its first model."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from modelmill.datasets.selectors import dataset_list
from modelmill.inference.selectors import prediction_list
from modelmill.registry.selectors import version_list
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
    return [step for step in _all_steps(caller) if step.url]


def _all_steps(caller: Caller) -> list[Step]:
    return [
        Step(
            title=_("Bring your data"),
            text=_("A zip of pictures, a text, JSONL or CSV. It is checked at once."),
            icon="upload",
            url=_url("web:datasets") if caller.may("data:write") else "",
            action=_("Upload"),
            is_done=dataset_list().exists(),
        ),
        Step(
            title=_("Train a model"),
            text=_("Choose a plugin and watch it learn, with curves, samples and cost."),
            icon="plugin",
            url=_url("web:plugins") if caller.may("jobs:write") else "",
            action=_("Choose a plugin"),
            is_done=version_list().filter(installed="").exists(),
        ),
        Step(
            title=_("Try your model"),
            text=_("Play with it in the playground and see what it makes."),
            icon="playground",
            url=_url("web:playground") if caller.may("infer") else "",
            action=_("Open the playground"),
            is_done=prediction_list().exists(),
        ),
        Step(
            title=_("Make an API key"),
            text=_("Use your models from your own programs, with the client you know."),
            icon="key",
            url=_url("web:key_new") if caller.may("keys:write") else "",
            action=_("New key"),
            is_done=api_key_list().exists(),
        ),
    ]


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
