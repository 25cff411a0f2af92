"""/v1/datasets: what files became, with problems and previews; ours, in OpenAI's style."""

from typing import Any

from django.http import FileResponse
from django.urls import path, reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView
from modelmill.core.storage import blob_open
from modelmill.datasets.models import Dataset, DatasetProblem, DatasetVersion
from modelmill.datasets.selectors import (
    access_dataset,
    access_thumbnail,
    access_version_of,
    dataset_list,
    problem_list,
    thumbnail_list,
    version_list,
)
from modelmill.datasets.services import dataset_delete, dataset_rename

_PAGE = [OpenApiParameter("after", str), OpenApiParameter("limit", int)]


class VersionOut(serializers.Serializer[DatasetVersion]):
    """A dataset version, as it is answered."""

    id = serializers.CharField()
    object = serializers.ChoiceField(["dataset.version"])
    dataset_id = serializers.CharField()
    number = serializers.IntegerField()
    status = serializers.ChoiceField(DatasetVersion.State.choices)
    kind = serializers.CharField(allow_null=True)
    label_names = serializers.ListField(child=serializers.CharField(), allow_null=True)
    rows = serializers.IntegerField()
    rows_seen = serializers.IntegerField()
    bytes = serializers.IntegerField()
    splits = serializers.DictField(child=serializers.IntegerField())
    sha256 = serializers.CharField(allow_null=True)
    problems = serializers.IntegerField()
    error = serializers.DictField(allow_null=True)
    file_id = serializers.CharField(allow_null=True)
    filename = serializers.CharField()
    created_at = serializers.IntegerField()
    finished_at = serializers.IntegerField(allow_null=True)


class DatasetOut(serializers.Serializer[Dataset]):
    """A dataset, as it is answered."""

    id = serializers.CharField()
    object = serializers.ChoiceField(["dataset"])
    name = serializers.CharField()
    created_at = serializers.IntegerField()
    newest_version = VersionOut(allow_null=True)


class DatasetsView(TenantView):
    """All datasets."""

    permissions = {"GET": "data:read"}

    @extend_schema(operation_id="datasets_list", parameters=_PAGE, responses=DatasetOut(many=True))
    def get(self, request: Request) -> Response:
        """List the datasets, newest first. New ones come from ``POST /v1/files``."""
        return page_of(dataset_list(), request, render=_dataset_json)


class DatasetView(TenantView):
    """One dataset."""

    permissions = {"GET": "data:read", "POST": "data:write", "DELETE": "data:write"}

    class Input(serializers.Serializer[Dataset]):
        name = serializers.CharField(max_length=120)

    @extend_schema(operation_id="datasets_retrieve", responses=DatasetOut)
    def get(self, request: Request, dataset_id: str) -> Response:
        """Read a dataset with its newest version."""
        return Response(_dataset_json(access_dataset(dataset_id)))

    @extend_schema(operation_id="datasets_modify", request=Input, responses=DatasetOut)
    def post(self, request: Request, dataset_id: str) -> Response:
        """Give a dataset another name."""
        dataset = access_dataset(dataset_id)
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        dataset_rename(dataset, name=form.validated_data["name"], caller=self.caller)
        return Response(_dataset_json(dataset))

    @extend_schema(operation_id="datasets_delete", responses=OpenApiTypes.OBJECT)
    def delete(self, request: Request, dataset_id: str) -> Response:
        """Delete a dataset with all its versions and the files they were made of."""
        dataset_delete(access_dataset(dataset_id), caller=self.caller)
        return Response({"id": dataset_id, "object": "dataset", "deleted": True})


class VersionsView(TenantView):
    """The versions of a dataset."""

    permissions = {"GET": "data:read"}

    @extend_schema(
        operation_id="datasets_versions_list", parameters=_PAGE, responses=VersionOut(many=True)
    )
    def get(self, request: Request, dataset_id: str) -> Response:
        """List a dataset's versions, newest first."""
        return page_of(version_list(access_dataset(dataset_id)), request, render=_version_json)


class VersionView(TenantView):
    """One version of a dataset; ``newest`` stands for the newest."""

    permissions = {"GET": "data:read"}

    class Output(VersionOut):
        statistics = serializers.DictField()

    @extend_schema(operation_id="datasets_versions_retrieve", responses=Output)
    def get(self, request: Request, dataset_id: str, version_id: str) -> Response:
        """Read a version with its statistics."""
        version = access_version_of(access_dataset(dataset_id), version_id)
        return Response({**_version_json(version), "statistics": version.statistics})


class ProblemsView(TenantView):
    """What is wrong in a version's source."""

    permissions = {"GET": "data:read"}

    class Output(serializers.Serializer[DatasetProblem]):
        id = serializers.CharField()
        object = serializers.ChoiceField(["dataset.problem"])
        file = serializers.CharField()
        row = serializers.IntegerField(allow_null=True)
        field = serializers.CharField(allow_null=True)
        reason = serializers.CharField()
        fix = serializers.CharField()

    @extend_schema(
        operation_id="datasets_problems_list", parameters=_PAGE, responses=Output(many=True)
    )
    def get(self, request: Request, dataset_id: str, version_id: str) -> Response:
        """List the problems in the order they were found; the first thousand are kept."""
        version = access_version_of(access_dataset(dataset_id), version_id)
        return page_of(
            problem_list(version),
            request,
            render=_problem_json,
            default_limit=100,
            max_limit=1_000,
            ascending=True,
        )


class PreviewView(TenantView):
    """A look at a version."""

    permissions = {"GET": "data:read"}

    @extend_schema(operation_id="datasets_preview", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, dataset_id: str, version_id: str) -> Response:
        """Read the first rows of a version, or the addresses of small pictures."""
        version = access_version_of(access_dataset(dataset_id), version_id)
        return Response(
            {
                "object": "dataset.preview",
                "version_id": version.id,
                "rows": version.preview,
                "images": [
                    {
                        "url": reverse(
                            "dataset_thumbnail", args=[dataset_id, version.id, thumbnail.number]
                        ),
                        "caption": thumbnail.caption,
                        "width": thumbnail.width_px,
                        "height": thumbnail.height_px,
                    }
                    for thumbnail in thumbnail_list(version)
                ],
            }
        )


class ThumbnailView(TenantView):
    """One small picture, made by us and therefore safe to show on our own pages."""

    permissions = {"GET": "data:read"}

    @extend_schema(
        operation_id="datasets_thumbnail", responses={(200, "image/webp"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, dataset_id: str, version_id: str, number: int) -> FileResponse:
        """Read one small picture as WebP."""
        version = access_version_of(access_dataset(dataset_id), version_id)
        thumbnail = access_thumbnail(version, number)
        return FileResponse(
            blob_open(thumbnail.blob),
            content_type="image/webp",
            headers={
                # A ready version never changes.
                "Cache-Control": "private, max-age=86400, immutable",
                "X-Content-Type-Options": "nosniff",
            },
        )


def _dataset_json(dataset: Dataset) -> dict[str, Any]:
    newest = dataset.newest
    return {
        "id": dataset.id,
        "object": "dataset",
        "name": dataset.name,
        "created_at": int(dataset.created_at.timestamp()),
        "newest_version": _version_json(newest) if newest else None,
    }


def _version_json(version: DatasetVersion) -> dict[str, Any]:
    error = {"code": version.error_code, "message": version.error_message}
    return {
        "id": version.id,
        "object": "dataset.version",
        "dataset_id": version.dataset_id,
        "number": version.number,
        "status": version.state,
        "kind": version.kind or None,
        "label_names": version.label_names,
        "rows": version.row_count,
        "rows_seen": version.rows_seen,
        "bytes": version.size_bytes,
        "splits": version.splits,
        "sha256": version.sha256 or None,
        "problems": version.problem_count,
        "error": error if version.error_code else None,
        "file_id": version.source_file_id,
        "filename": version.source_name,
        "created_at": int(version.created_at.timestamp()),
        "finished_at": int(version.finished_at.timestamp()) if version.finished_at else None,
    }


def _problem_json(problem: DatasetProblem) -> dict[str, Any]:
    return {
        "id": problem.id,
        "object": "dataset.problem",
        "file": problem.file,
        "row": problem.row,
        "field": problem.field or None,
        "reason": problem.reason,
        "fix": problem.fix,
    }


_VERSION = "datasets/<str:dataset_id>/versions/<str:version_id>"

routes = [
    path("datasets", DatasetsView.as_view(), name="datasets"),
    path("datasets/<str:dataset_id>", DatasetView.as_view(), name="dataset"),
    path("datasets/<str:dataset_id>/versions", VersionsView.as_view(), name="dataset_versions"),
    path(_VERSION, VersionView.as_view(), name="dataset_version"),
    path(f"{_VERSION}/problems", ProblemsView.as_view(), name="dataset_problems"),
    path(f"{_VERSION}/preview", PreviewView.as_view(), name="dataset_preview"),
    path(f"{_VERSION}/thumbnails/<int:number>", ThumbnailView.as_view(), name="dataset_thumbnail"),
]
