"""Searches for the best parameters: the form, the list, and the page with the trials."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelmill.catalog.models import Plugin
from modelmill.catalog.selectors import access_plugin
from modelmill.catalog.texts import parameter_title, reader_texts
from modelmill.core import errors
from modelmill.core.money import MICRO
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.selectors import versions_of_kinds
from modelmill.training.checks import rows_needed, trainable_check
from modelmill.training.searches.models import Search
from modelmill.training.searches.selectors import (
    access_search,
    best_trial,
    metrics_seen,
    search_list,
    trial_list,
    trials_cost_micro,
)
from modelmill.training.searches.services import (
    MAX_PARALLEL,
    MAX_TRIALS,
    SearchAsk,
    search_cancel,
    search_submit,
)
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.paging import rows_of
from modelmill.web.parameters import training_values
from modelmill.web.plugins import kind_labels
from modelmill.web.search_fields import SpaceForm
from modelmill.web.train import version_label

_DATA_SHOWN = 200
_GOALS = [
    (Search.Goal.MINIMIZE, gettext_lazy("Smaller is better")),
    (Search.Goal.MAXIMIZE, gettext_lazy("Larger is better")),
]
_METHODS = [
    (Search.Method.GUIDED, gettext_lazy("Guided by earlier trials")),
    (Search.Method.RANDOM, gettext_lazy("Random")),
    (Search.Method.GRID, gettext_lazy("Grid: every combination")),
]


class SearchForm(forms.Form):
    """What every search needs, whatever the plugin."""

    dataset = forms.ChoiceField(label=gettext_lazy("Data"))
    metric = forms.CharField(
        label=gettext_lazy("Metric to go by"),
        max_length=100,
        help_text=gettext_lazy("As the training reports it; the curves of a job show the names."),
        widget=forms.TextInput(attrs={"list": "metrics-seen", "autocomplete": "off"}),
    )
    goal = forms.ChoiceField(label=gettext_lazy("Which is better?"), choices=_GOALS)
    method = forms.ChoiceField(label=gettext_lazy("Method"), choices=_METHODS)
    max_trials = forms.IntegerField(
        label=gettext_lazy("Trainings at most"), min_value=1, max_value=MAX_TRIALS, initial=20
    )
    parallel = forms.IntegerField(
        label=gettext_lazy("At the same time"), min_value=1, max_value=MAX_PARALLEL, initial=2
    )
    budget = forms.DecimalField(
        label=gettext_lazy("Budget for all of them"),
        min_value=0,
        max_digits=12,
        decimal_places=6,
        required=False,
        help_text=gettext_lazy("In USD; left empty, only your balance bounds it."),
    )
    early_stopping = forms.BooleanField(
        label=gettext_lazy("Stop trainings early that fall behind"), initial=True, required=False
    )
    once = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(
        self, *args: Any, versions: list[DatasetVersion], least: int, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        choices = [(one.pk, version_label(one, least=least)) for one in versions]
        self.fields["dataset"].choices = choices  # type: ignore[attr-defined]


@tenant_page(read="jobs:write", write="jobs:write")
def search_new(request: PageRequest, plugin_id: str) -> HttpResponse:
    """Ask what to vary and what to go by; begin the search."""
    found = access_plugin(plugin_id)
    assert found.release is not None
    manifest = found.release.manifest
    trainable_check(found.release)
    versions = [v for v in versions_of_kinds(manifest["accepts"])[:_DATA_SHOWN] if v.is_ready]
    seen = metrics_seen(found.pk)
    first = {"once": str(uuid.uuid4()), "metric": seen[0] if seen else "loss"}
    form = SearchForm(
        request.POST or None, versions=versions, least=rows_needed(found.release), initial=first
    )
    texts = reader_texts(manifest)
    space = SpaceForm(
        request.POST or None, schema=manifest["train_schema"], texts=texts, prefix="s"
    )
    if request.method == "POST" and form.is_valid() and space.is_valid():
        search = _submit(request, found, form, space)
        if search is not None:
            return redirect("web:search", search.pk)
    context = {
        "plugin": found,
        "versions": versions,
        "kinds": kind_labels(manifest["accepts"]),
        "form": form,
        "space": space,
        "metrics": seen,
    }
    status = 400 if form.errors or space.errors else 200
    return render(request, "searches/new.html", context, status=status)


@tenant_page(read="jobs:read")
def searches(request: PageRequest) -> HttpResponse:
    """List the searches, newest first."""
    return render(request, "searches/list.html", {"rows": rows_of(search_list(), request)})


@tenant_page(read="jobs:read")
def search(request: PageRequest, search_id: str) -> HttpResponse:
    """Show a search with its trials; the part that changes looks again while it runs."""
    found = access_search(search_id)
    trials, manifest = trial_list(found), found.release.manifest
    costs = trials_cost_micro(found, trials)
    best = best_trial(found, trials)
    is_over = not found.is_running and all(trial.outcome for trial in trials)
    context = {
        "search": found,
        "rows": [
            (trial, training_values(manifest, trial.parameters), costs.get(trial.number, 0))
            for trial in trials
        ],
        "best": best,
        "best_values": training_values(manifest, best.parameters) if best else [],
        "names": [parameter_title(manifest, name) for name in found.space],
        "spent_micro": sum(costs.values()),
        "over_count": sum(1 for trial in trials if trial.outcome),
        "is_over": is_over,
        "may_cancel": not is_over and request.caller.may("jobs:write"),
    }
    template = "searches/_live.html" if request.htmx else "searches/detail.html"
    return render(request, template, context)


@tenant_page(read="jobs:write", write="jobs:write")
def search_cancelled(request: PageRequest, search_id: str) -> HttpResponse:
    """Cancel a search."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = access_search(search_id)
    try:
        search_cancel(found, caller=request.caller)
    except errors.Conflict as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The search is cancelled; models that are made stay."))
    return redirect("web:search", found.pk)


def _submit(
    request: PageRequest, found: Plugin, form: SearchForm, space: SpaceForm
) -> Search | None:
    asked = form.cleaned_data
    budget = asked["budget"]
    ask = SearchAsk(
        plugin_id=found.pk,
        training_ref=asked["dataset"],
        space=space.space(),
        metric=asked["metric"],
        goal=asked["goal"],
        method=asked["method"],
        is_halving=asked["early_stopping"],
        max_trials=asked["max_trials"],
        parallel=asked["parallel"],
        budget_micro=int(budget * MICRO) if budget else None,
    )
    try:
        return search_submit(ask, caller=request.caller, idempotency_key=f"page:{asked['once']}")
    except errors.MillError as error:
        if error.status >= 500:
            raise
        name = (error.param or "").partition(".")[0]
        if name in space.fields:
            space.add_error(name, error.message)
        else:
            form.add_error("dataset" if name == "training_file" else None, error.message)
        return None


routes = [
    path("plugins/<str:plugin_id>/search", search_new, name="search_new"),
    path("searches", searches, name="searches"),
    path("searches/<str:search_id>", search, name="search"),
    path("searches/<str:search_id>/cancel", search_cancelled, name="search_cancel"),
]
