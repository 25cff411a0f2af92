"""A job's checkpoints: the states it went through, of which some stay, and any can be a model."""

from typing import ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.fine_tuning_shapes import checkpoint_shape, job_shape
from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView
from modelmill.training.selectors import access_checkpoint, access_job, checkpoint_list
from modelmill.training.services import checkpoint_delete, checkpoint_promote


class JobCheckpointsView(TenantView):
    """The checkpoints of one job."""

    permissions: ClassVar = {"GET": "jobs:read"}

    @extend_schema(
        operation_id="fine_tuning_jobs_checkpoints_list",
        summary="List a job's checkpoints",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[OpenApiParameter("after"), OpenApiParameter("limit", int)],
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str) -> Response:
        """Answer with a page of checkpoints, newest first."""
        rows = checkpoint_list(access_job(job_id))
        return page_of(rows, request, render=checkpoint_shape, default_limit=10)


class CheckpointView(TenantView):
    """One checkpoint."""

    permissions: ClassVar = {"GET": "jobs:read", "DELETE": "jobs:write"}

    @extend_schema(
        summary="Retrieve a checkpoint", responses={200: OpenApiTypes.OBJECT}, tags=["fine-tuning"]
    )
    def get(self, request: Request, job_id: str, checkpoint_id: str) -> Response:
        """Answer with the checkpoint, and the model made of it if there is one."""
        return Response(checkpoint_shape(access_checkpoint(access_job(job_id), checkpoint_id)))

    @extend_schema(
        summary="Delete a checkpoint", responses={200: OpenApiTypes.OBJECT}, tags=["fine-tuning"]
    )
    def delete(self, request: Request, job_id: str, checkpoint_id: str) -> Response:
        """Answer that its bytes are gone; a model made of it stays."""
        checkpoint = access_checkpoint(access_job(job_id), checkpoint_id)
        checkpoint_delete(checkpoint, caller=self.caller)
        deleted = {"object": "fine_tuning.job.checkpoint", "deleted": True}
        return Response({"id": checkpoint.id, **deleted})


class CheckpointModelView(TenantView):
    """The model of one checkpoint."""

    permissions: ClassVar = {"POST": "jobs:write"}

    @extend_schema(
        summary="Make a model of a checkpoint",
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        tags=["fine-tuning"],
    )
    def post(self, request: Request, job_id: str, checkpoint_id: str) -> Response:
        """Answer with the job that makes the model; asked again, with the same job."""
        checkpoint = access_checkpoint(access_job(job_id), checkpoint_id)
        return Response(job_shape(checkpoint_promote(checkpoint, caller=self.caller)))


_CHECKPOINTS = "fine_tuning/jobs/<str:job_id>/checkpoints"
_ONE = f"{_CHECKPOINTS}/<str:checkpoint_id>"

routes = [
    path(_CHECKPOINTS, JobCheckpointsView.as_view(), name="fine_tuning_job_checkpoints"),
    path(_ONE, CheckpointView.as_view(), name="fine_tuning_checkpoint"),
    path(f"{_ONE}/model", CheckpointModelView.as_view(), name="fine_tuning_checkpoint_model"),
]
