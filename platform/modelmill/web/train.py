"""The form that begins a training."""

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from modelmill.billing.selectors import wallet_balance
from modelmill.catalog.models import Plugin
from modelmill.catalog.selectors import access_plugin
from modelmill.catalog.texts import reader_texts
from modelmill.core import errors
from modelmill.core.money import MICRO
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.selectors import versions_of_kinds
from modelmill.training.checks import rows_learned, rows_needed, trainable_check
from modelmill.training.models import CHECKPOINTS_KEPT, MAX_KEPT, Job
from modelmill.training.selectors import access_job
from modelmill.training.services import job_submit
from modelmill.training.states import Priority
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.plugins import kind_labels
from modelmill.web.prices import TRAINING_METERS, devices_offered, prices_for
from modelmill.web.schema_fields import ParametersForm, values_of

_DATA_SHOWN = 200
_SEED_MAX = 2**31 - 1
# The fields that the API calls otherwise.
_FILES = {"training_file": "dataset", "validation_file": "validation"}


class TrainForm(forms.Form):
    """What every training needs, whatever the plugin."""

    dataset = forms.ChoiceField(
        label=gettext_lazy("Data"),
        error_messages={"required": gettext_lazy("Choose the data to learn from.")},
    )
    validation = forms.ChoiceField(
        label=gettext_lazy("Data to measure by"),
        required=False,
        help_text=gettext_lazy("What the model is measured by while it learns, never learnt from."),
    )
    suffix = forms.CharField(
        label=gettext_lazy("Name of the model"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("The same name again makes the next version of that model."),
    )
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"),
        min_value=0,
        max_value=_SEED_MAX,
        required=False,
        help_text=gettext_lazy(
            "The same seed, data and parameters give the same model on the same number of devices; "
            "left empty, one is drawn."
        ),
    )
    max_cost = forms.DecimalField(
        label=gettext_lazy("Cost limit in USD"),
        min_value=Decimal("0.000001"),
        max_digits=12,
        decimal_places=6,
        required=False,
        help_text=gettext_lazy(
            "Near it the job is finished, and you keep what it has learnt. It never costs more."
        ),
    )
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"),
        choices=Priority.choices,
        required=False,
        help_text=gettext_lazy("Of your own waiting jobs the higher goes first."),
    )
    keep_checkpoints = forms.IntegerField(
        label=gettext_lazy("Checkpoints to keep"),
        min_value=0,
        max_value=MAX_KEPT,
        required=False,
        help_text=gettext_lazy(
            "So many stay when the job is over, each can become a model; they count as storage."
        ),
    )
    quote_first = forms.BooleanField(
        label=gettext_lazy("Tell me the cost first"),
        required=False,
        help_text=gettext_lazy(
            "The first steps are free. Then the job waits until you have seen what it will cost."
        ),
    )
    # Sent with the form, so that a second click finds the job the first one made.
    once = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(
        self,
        *args: Any,
        versions: list[DatasetVersion],
        least: int,
        asks: bool = False,
        **kwargs: Any,
    ) -> None:
        """Offer these versions; where it ``asks``, none of them is chosen ahead."""
        super().__init__(*args, **kwargs)
        blank = [("", _("Choose data"))] if asks else []
        learns = [(one.pk, version_label(one, least=least)) for one in versions]
        self.fields["dataset"].choices = [*blank, *learns]  # type: ignore[attr-defined]
        none = ("", _("A part of the data, held out"))
        others = [(one.pk, version_label(one)) for one in versions]
        self.fields["validation"].choices = [none, *others]  # type: ignore[attr-defined]


@tenant_page(read="jobs:write", write="jobs:write")
def train(request: PageRequest, plugin_id: str) -> HttpResponse:
    """Ask what to train on and how; begin it."""
    found = access_plugin(plugin_id)
    assert found.release is not None
    manifest = found.release.manifest
    trainable_check(found.release)
    again = access_job(request.GET["again"]) if request.GET.get("again") else None
    first, values = _first(request, again)
    versions = _versions(manifest["accepts"], first["dataset"], first["validation"])
    # What a job learnt from may be gone, and other data in its place would not be seen.
    known = {"", *(one.pk for one in versions)}
    is_gone = not {first["dataset"], first["validation"]} <= known
    least = rows_needed(found.release)
    # The newest that will do; the form would begin with one that is refused else.
    if again is None and not first["dataset"]:
        first["dataset"] = next((one.pk for one in versions if rows_learned(one) >= least), "")
    form = TrainForm(
        request.POST or None, versions=versions, least=least, asks=is_gone, initial=first
    )
    parameters = ParametersForm(
        request.POST or None,
        manifest=manifest,
        texts=reader_texts(manifest),
        prefix="p",
        initial=values,
    )
    if request.method == "POST" and form.is_valid() and parameters.is_valid():
        job = _submit(request, found, form, parameters, again=again)
        if job is not None:
            return redirect("web:job", job.pk)
    tenant_id = request.caller.tenant.pk
    context = {
        "plugin": found,
        "versions": versions,
        "is_gone": is_gone,
        "kinds": kind_labels(manifest["accepts"]),
        "form": form,
        "parameters": parameters,
        "prices": prices_for(tenant_id, plugin_id=found.pk, meters=TRAINING_METERS),
        "devices_offered": devices_offered(found.release),
        "balance_micro": wallet_balance(tenant_id) if request.caller.may("billing:read") else None,
    }
    status = 400 if form.errors or parameters.errors else 200
    return render(request, "plugins/train.html", context, status=status)


def _versions(kinds: list[str], *wanted: str) -> list[DatasetVersion]:
    """Return the newest data of these kinds, and what is wanted of it however old that is."""
    offered = versions_of_kinds(kinds)
    newest = list(offered[:_DATA_SHOWN])
    older = {one for one in wanted if one} - {one.pk for one in newest}
    return [*newest, *(offered.filter(pk__in=older) if older else [])]


def _first(request: PageRequest, again: Job | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the form and the parameters begin with: those of the job to do again, if any."""
    first: dict[str, Any] = {"dataset": request.GET.get("data", ""), "once": str(uuid.uuid4())}
    first |= {"validation": "", "priority": Priority.NORMAL.value}
    first |= {"keep_checkpoints": CHECKPOINTS_KEPT}
    if again is None:
        return first, {}
    first |= {"dataset": again.training_version_id, "validation": again.validation_version_id}
    first |= {"suffix": again.suffix, "seed": again.seed}
    if again.max_cost_micro is not None:
        first["max_cost"] = Decimal(again.max_cost_micro) / MICRO
    first |= {"priority": again.priority, "keep_checkpoints": again.keep_checkpoints}
    return first, again.parameters


def _submit(
    request: PageRequest,
    found: Plugin,
    form: TrainForm,
    parameters: ParametersForm,
    *,
    again: Job | None,
) -> Job | None:
    cleaned = form.cleaned_data
    kept = cleaned["keep_checkpoints"]
    try:
        return job_submit(
            caller=request.caller,
            plugin_id=found.pk,
            training_ref=cleaned["dataset"],
            validation_ref=cleaned["validation"] or None,
            parameters=values_of(parameters.cleaned_data),
            suffix=cleaned["suffix"] or None,
            seed=cleaned["seed"],
            metadata=again.metadata if again else None,
            max_cost_micro=int(cleaned["max_cost"] * MICRO) if cleaned["max_cost"] else None,
            priority=Priority(int(cleaned["priority"] or Priority.NORMAL)),
            keep_checkpoints=CHECKPOINTS_KEPT if kept is None else kept,
            quote_first=cleaned["quote_first"],
            idempotency_key=f"page:{cleaned['once']}",
        )
    except errors.MillError as error:
        if error.status >= 500:
            raise
        _place(error, form, parameters)
        return None


def _place(error: errors.MillError, form: TrainForm, parameters: ParametersForm) -> None:
    """Show a refusal at the field it is about."""
    name = (error.param or "").partition(".")[0].removesuffix("_micro")
    if name in parameters.fields:
        parameters.add_error(name, error.message)
    elif name in _FILES:
        form.add_error(_FILES[name], error.message)
    else:
        form.add_error(name if name in form.fields else None, error.message)


def version_label(version: DatasetVersion, *, least: int = 0) -> str:
    """Name a dataset version for a choice: its name, number and size, and whether that will do."""
    rows = ngettext("%(count)s row", "%(count)s rows", version.row_count)
    few = _("too small: its training part has %(count)s rows, and %(least)s are needed")
    few %= {"count": rows_learned(version), "least": least}
    return " · ".join(
        [
            version.dataset.name,
            _("version %(number)s") % {"number": version.number},
            rows % {"count": f"{version.row_count:,}"},
            *([few] if rows_learned(version) < least else []),
        ]
    )


routes = [path("plugins/<str:plugin_id>/train", train, name="train")]
