"""The dashboard's first page: where things stand, and what to do next."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from modelmill.billing.selectors import balance_summary
from modelmill.datasets.selectors import dataset_list
from modelmill.registry.selectors import version_list
from modelmill.training.selectors import job_list
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.next_steps import next_steps

_RECENT = 5


@tenant_page()
def home(request: PageRequest) -> HttpResponse:
    """Show the way from data to a model, and what happened lately."""
    steps = next_steps(request.caller)
    caller = request.caller
    context = {
        "steps": steps,
        "done": sum(step.is_done for step in steps),
        "current": next((step for step in steps if not step.is_done), None),
        "jobs": job_list()[:_RECENT] if caller.may("jobs:read") else [],
        "money": balance_summary(caller.tenant.pk) if caller.may("billing:read") else None,
        "dataset_count": dataset_list().count() if caller.may("data:read") else None,
        "model_count": version_list().count() if caller.may("models:read") else None,
    }
    return render(request, "web/home.html", context)


routes = [path("home", home, name="home")]
