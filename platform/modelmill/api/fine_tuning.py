"""/v1/fine_tuning/jobs: submit a training, follow it, stop it."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.fine_tuning_shapes import job_line, job_shape
from modelmill.api.framework.fields import TrueOrFalse
from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView, is_retry
from modelmill.core.errors import InvalidRequest
from modelmill.training.models import CHECKPOINTS_KEPT, MAX_KEPT, Job
from modelmill.training.selectors import access_job, job_list
from modelmill.training.services import (
    job_cancel,
    job_finish_early,
    job_pause,
    job_resume,
    job_submit,
)
from modelmill.training.states import Priority

MAX_SEED = 2**31 - 1
MAX_COST_MICRO = 2**53

# What OpenAI's own models take: "auto" says nothing, to a plugin that knows them or not.
_OPENAI_HYPERPARAMETERS = {"n_epochs", "batch_size", "learning_rate_multiplier"}


class JobsView(TenantView):
    """Submit training jobs, and list them."""

    permissions: ClassVar = {"GET": "jobs:read", "POST": "jobs:write"}

    class Body(serializers.Serializer[Any]):
        """What to train on which data; any further field is a parameter of the plugin."""

        model = serializers.CharField(max_length=64, help_text="The plugin to train.")
        training_file = serializers.CharField(
            max_length=40, help_text="A file, a dataset or a dataset version."
        )
        validation_file = serializers.CharField(max_length=40, required=False, allow_null=True)
        suffix = serializers.CharField(max_length=64, required=False, allow_null=True)
        seed = serializers.IntegerField(
            min_value=0, max_value=MAX_SEED, required=False, allow_null=True
        )
        max_cost_micro = serializers.IntegerField(
            min_value=1,
            max_value=MAX_COST_MICRO,
            required=False,
            allow_null=True,
            help_text="Near it the job is finished with what it has learnt; it never costs more.",
        )
        priority = serializers.ChoiceField(
            [one.name.lower() for one in Priority],
            default=Priority.NORMAL.name.lower(),
            help_text="Of your own waiting jobs the one with the highest priority goes first.",
        )
        keep_checkpoints = serializers.IntegerField(
            min_value=0,
            max_value=MAX_KEPT,
            default=CHECKPOINTS_KEPT,
            help_text="How many of its checkpoints stay when it is over; each can become a model.",
        )
        quote_first = TrueOrFalse(
            default=False,
            help_text="Make the first steps unbilled, tell the cost of the whole, and be paused "
            "until the job is resumed or cancelled.",
        )
        metadata = serializers.DictField(required=False, allow_null=True)
        method = serializers.DictField(required=False, allow_null=True)
        hyperparameters = serializers.DictField(required=False, allow_null=True)
        integrations = serializers.ListField(required=False, allow_null=True)

    @extend_schema(
        summary="Create a training job",
        request=Body,
        responses={200: OpenApiTypes.OBJECT},
        parameters=[OpenApiParameter("Idempotency-Key", location=OpenApiParameter.HEADER)],
        tags=["fine-tuning"],
    )
    def post(self, request: Request) -> Response:
        """Answer with the job; the same request sent again answers with the same job."""
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        if asked.get("integrations"):
            raise InvalidRequest("Integrations are not offered here.", param="integrations")
        sent: Any = request.data
        extra = {key: value for key, value in sent.items() if key not in body.fields}
        job = job_submit(
            caller=self.caller,
            plugin_id=asked["model"],
            training_ref=asked["training_file"],
            validation_ref=asked.get("validation_file"),
            parameters=_parameters(asked, extra),
            suffix=asked.get("suffix"),
            seed=asked.get("seed"),
            metadata=asked.get("metadata"),
            max_cost_micro=asked.get("max_cost_micro"),
            keep_checkpoints=asked["keep_checkpoints"],
            quote_first=asked["quote_first"],
            priority=Priority[asked["priority"].upper()],
            idempotency_key=request.headers.get("Idempotency-Key"),
            is_retry=is_retry(request),
        )
        return Response(job_shape(job))

    @extend_schema(
        summary="List training jobs",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[OpenApiParameter("after"), OpenApiParameter("limit", int)],
        tags=["fine-tuning"],
    )
    def get(self, request: Request) -> Response:
        """Answer with a page of jobs, newest first; ``metadata[key]=value`` filters."""
        return page_of(_with_metadata(job_list(), request), request, render=job_line)


class JobView(TenantView):
    """Look at one job."""

    permissions: ClassVar = {"GET": "jobs:read"}

    @extend_schema(
        summary="Retrieve a training job",
        responses={200: OpenApiTypes.OBJECT},
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str) -> Response:
        """Answer with the job, its progress, cost, and why it waits."""
        return Response(job_shape(access_job(job_id)))


class JobCancelView(TenantView):
    """Cancel one job."""

    permissions: ClassVar = {"POST": "jobs:write"}
    needs_credit = False

    @extend_schema(
        summary="Cancel a training job",
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        tags=["fine-tuning"],
    )
    def post(self, request: Request, job_id: str) -> Response:
        """Answer with the job; a running one stops at its next step."""
        return Response(job_shape(job_cancel(access_job(job_id), caller=self.caller)))


class JobPauseView(TenantView):
    """Pause one job."""

    permissions: ClassVar = {"POST": "jobs:write"}
    needs_credit = False

    @extend_schema(
        summary="Pause a training job",
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        tags=["fine-tuning"],
    )
    def post(self, request: Request, job_id: str) -> Response:
        """Answer with the job; a running one stops after its next checkpoint."""
        return Response(job_shape(job_pause(access_job(job_id), caller=self.caller)))


class JobFinishView(TenantView):
    """Finish one job early."""

    permissions: ClassVar = {"POST": "jobs:write"}

    @extend_schema(
        summary="Finish a training job now and keep its model",
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        tags=["fine-tuning"],
    )
    def post(self, request: Request, job_id: str) -> Response:
        """Answer with the job; it ends at its next step with a model of what it has learnt."""
        return Response(job_shape(job_finish_early(access_job(job_id), caller=self.caller)))


class JobResumeView(TenantView):
    """Let one paused job go on."""

    permissions: ClassVar = {"POST": "jobs:write"}

    @extend_schema(
        summary="Resume a training job",
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        tags=["fine-tuning"],
    )
    def post(self, request: Request, job_id: str) -> Response:
        """Answer with the job, which waits for a worker again."""
        return Response(job_shape(job_resume(access_job(job_id), caller=self.caller)))


def _parameters(asked: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Gather the plugin's parameters from every place a client may put them."""
    method = asked.get("method") or {}
    kind = method.get("type", "supervised")
    if kind != "supervised":
        raise InvalidRequest("Only the method 'supervised' is offered.", param="method.type")
    inner = method.get(kind) or {}
    named = inner.get("hyperparameters") if isinstance(inner, dict) else None
    if not isinstance(named or {}, dict):
        raise InvalidRequest("hyperparameters must be an object.", param="hyperparameters")
    gathered = {**extra, **(asked.get("hyperparameters") or {}), **(named or {})}
    return {
        name: value
        for name, value in gathered.items()
        if not (name in _OPENAI_HYPERPARAMETERS and value == "auto")
    }


def _with_metadata(jobs: QuerySet[Job], request: Request) -> QuerySet[Job]:
    if request.query_params.get("metadata") == "null":
        return jobs.filter(metadata={})
    for number, (key, value) in enumerate(request.query_params.items()):
        if key.startswith("metadata[") and key.endswith("]"):
            name = f"metadata_{number}"
            jobs = jobs.annotate(**{name: KeyTransform(key[9:-1], "metadata")})
            jobs = jobs.filter(**{name: value})
    return jobs


_JOB = "fine_tuning/jobs/<str:job_id>"

routes = [
    path("fine_tuning/jobs", JobsView.as_view(), name="fine_tuning_jobs"),
    path(_JOB, JobView.as_view(), name="fine_tuning_job"),
    path(f"{_JOB}/cancel", JobCancelView.as_view(), name="fine_tuning_job_cancel"),
    path(f"{_JOB}/pause", JobPauseView.as_view(), name="fine_tuning_job_pause"),
    path(f"{_JOB}/finish", JobFinishView.as_view(), name="fine_tuning_job_finish"),
    path(f"{_JOB}/resume", JobResumeView.as_view(), name="fine_tuning_job_resume"),
]
