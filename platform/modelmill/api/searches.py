"""/v1/searches: find a plugin's best parameters within a number of trainings and a budget."""

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.fine_tuning import MAX_COST_MICRO, MAX_SEED
from modelmill.api.framework.bodies import StrictBody
from modelmill.api.framework.fields import TrueOrFalse
from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView, is_retry
from modelmill.billing.defaults import CURRENCY
from modelmill.training.searches.models import Search, Trial
from modelmill.training.searches.selectors import (
    access_search,
    best_trial,
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


class SearchesView(TenantView):
    """Begin searches, and list them."""

    permissions: ClassVar = {"GET": "jobs:read", "POST": "jobs:write"}

    class Body(StrictBody):
        """What to vary, what to go by, and how much of it."""

        model = serializers.CharField(max_length=64, help_text="The plugin to train.")
        training_file = serializers.CharField(max_length=40)
        validation_file = serializers.CharField(max_length=40, required=False, allow_null=True)
        space = serializers.DictField(
            help_text='By parameter: {"values": [...]} or {"min": a, "max": b, "log": true}.'
        )
        hyperparameters = serializers.DictField(required=False, allow_null=True)
        metric = serializers.CharField(max_length=100)
        goal = serializers.ChoiceField(Search.Goal.values, default=Search.Goal.MINIMIZE.value)
        method = serializers.ChoiceField(Search.Method.values, default=Search.Method.RANDOM.value)
        early_stopping = TrueOrFalse(default=True)
        max_trials = serializers.IntegerField(min_value=1, max_value=MAX_TRIALS, default=20)
        parallel = serializers.IntegerField(min_value=1, max_value=MAX_PARALLEL, default=2)
        max_cost_micro = serializers.IntegerField(
            min_value=1, max_value=MAX_COST_MICRO, required=False, allow_null=True
        )
        suffix = serializers.CharField(max_length=64, required=False, allow_null=True)
        seed = serializers.IntegerField(
            min_value=0, max_value=MAX_SEED, required=False, allow_null=True
        )

    @extend_schema(
        summary="Begin a search",
        request=Body,
        responses={200: OpenApiTypes.OBJECT},
        parameters=[OpenApiParameter("Idempotency-Key", location=OpenApiParameter.HEADER)],
        tags=["searches"],
    )
    def post(self, request: Request) -> Response:
        """Answer with the search; the same Idempotency-Key answers with the same one."""
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        ask = SearchAsk(
            plugin_id=asked["model"],
            training_ref=asked["training_file"],
            validation_ref=asked.get("validation_file") or "",
            space=asked["space"],
            parameters=asked.get("hyperparameters") or {},
            metric=asked["metric"],
            goal=asked["goal"],
            method=asked["method"],
            is_halving=asked["early_stopping"],
            max_trials=asked["max_trials"],
            parallel=asked["parallel"],
            budget_micro=asked.get("max_cost_micro"),
            suffix=asked.get("suffix") or "",
            seed=asked.get("seed"),
        )
        key = request.headers.get("Idempotency-Key")
        search = search_submit(
            ask, caller=self.caller, idempotency_key=key, is_retry=is_retry(request)
        )
        return Response(search_shape(search))

    @extend_schema(
        summary="List searches",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[OpenApiParameter("after"), OpenApiParameter("limit", int)],
        tags=["searches"],
    )
    def get(self, request: Request) -> Response:
        """Answer with a page of searches, newest first, without their trials."""
        return page_of(search_list(), request, render=search_line)


class SearchView(TenantView):
    """Look at one search."""

    permissions: ClassVar = {"GET": "jobs:read"}

    @extend_schema(
        summary="Retrieve a search", responses={200: OpenApiTypes.OBJECT}, tags=["searches"]
    )
    def get(self, request: Request, search_id: str) -> Response:
        """Answer with the search, its trials in the order they began, and the best of them."""
        return Response(search_shape(access_search(search_id)))


class SearchCancelView(TenantView):
    """Cancel one search."""

    permissions: ClassVar = {"POST": "jobs:write"}
    needs_credit = False

    @extend_schema(
        summary="Cancel a search",
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        tags=["searches"],
    )
    def post(self, request: Request, search_id: str) -> Response:
        """Answer with the search; its running trials are cancelled, finished models stay."""
        return Response(search_shape(search_cancel(access_search(search_id), caller=self.caller)))


def search_line(search: Search) -> dict[str, Any]:
    """Return a search as lists show it."""
    return {
        "id": search.id,
        "object": "search",
        "created_at": int(search.created_at.timestamp()),
        "finished_at": search.finished_at and int(search.finished_at.timestamp()),
        "status": search.state,
        "ended_by": search.ended_by or None,
        "message": search.message or None,
        "model": search.plugin_id,
        "training_file": search.training_ref,
        "validation_file": search.validation_ref or None,
        "space": search.space,
        "hyperparameters": search.parameters,
        "metric": search.metric,
        "goal": search.goal,
        "method": search.method,
        "early_stopping": search.is_halving,
        "max_trials": search.max_trials,
        "parallel": search.parallel,
        "max_cost_micro": search.budget_micro,
        "seed": search.seed,
    }


def search_shape(search: Search) -> dict[str, Any]:
    """Return a search with its trials; a constant number of queries."""
    trials = trial_list(search)
    costs = trials_cost_micro(search, trials)
    best = best_trial(search, trials)
    return search_line(search) | {
        "cost": {"amount_micro": sum(costs.values()), "currency": CURRENCY},
        "best_trial": best.number if best else None,
        "fine_tuned_model": _model(best) if best else None,
        "trials": [_trial_shape(trial, cost_micro=costs.get(trial.number, 0)) for trial in trials],
    }


def _trial_shape(trial: Trial, *, cost_micro: int) -> dict[str, Any]:
    return {
        "number": trial.number,
        "object": "search.trial",
        "parameters": trial.parameters,
        "status": trial.outcome or "running",
        "value": trial.value,
        "message": trial.message or None,
        "job": trial.job_id,
        "fine_tuned_model": _model(trial),
        "cost": {"amount_micro": cost_micro, "currency": CURRENCY},
    }


def _model(trial: Trial) -> str | None:
    version = trial.job.model_version if trial.job else None
    return version.name if version else None


routes = [
    path("searches", SearchesView.as_view(), name="searches"),
    path("searches/<str:search_id>", SearchView.as_view(), name="search"),
    path("searches/<str:search_id>/cancel", SearchCancelView.as_view(), name="search_cancel"),
]
