"""The registry's reads."""

from collections.abc import Iterable

from django.db.models import QuerySet

from modelmill.core.errors import NotFound
from modelmill.registry.installed import installed_version, plugin_refusal
from modelmill.registry.models import Alias, Model, ModelFile, ModelVersion
from modelmill.registry.naming import CHECKPOINT_MARK


def version_list() -> QuerySet[ModelVersion]:
    """Return the versions in scope that can be used, newest first."""
    return (
        ModelVersion.objects.select_related("model", "release__plugin")
        .filter(deleted_at=None)
        .order_by("-id")
    )


def versions_of_data(version_ids: Iterable[str]) -> QuerySet[ModelVersion]:
    """Return the usable model versions made of any of these dataset versions, newest first."""
    return version_list().filter(dataset_version_id__in=list(version_ids))


def model_list() -> QuerySet[Model]:
    """Return the models in scope that have a usable version, by name."""
    usable = ModelVersion.objects.filter(deleted_at=None).values("model_id")
    return Model.objects.filter(pk__in=usable).order_by("name")


def access_model_version(name: str) -> ModelVersion:
    """Return the version a customer means, or raise ``NotFound`` (``model_not_found``).

    Names are ``ft:…``, a version's id ``mv-…``, ``<model>@<alias>``, for what was made of a
    checkpoint that checkpoint's ``ftjob-…:ckpt-step-…``, and for what the operator installed
    ``<plugin>:<folder>``.
    """
    version = _version_named(name)
    if version is None:
        raise NotFound(_missing(name), code="model_not_found", param="model")
    return version


def access_model(model_id: str) -> Model:
    """Return one model in scope by id or name, or raise ``NotFound``."""
    field = "pk" if model_id.startswith("model-") else "name"
    model = Model.objects.filter(**{field: model_id}).first()
    if model is None:
        raise NotFound("There is no such model.", code="model_not_found")
    return model


def alias_list() -> QuerySet[Alias]:
    """Return every alias in scope with its model and version, by name."""
    return Alias.objects.select_related("model", "version").order_by("model__name", "name")


def version_of_job(job_id: str) -> ModelVersion | None:
    """Return the version a job made, also when it was deleted since."""
    return ModelVersion.objects.filter(job_id=job_id).first()


def version_files(version: ModelVersion) -> QuerySet[ModelFile]:
    """Return a version's files with their blobs, by path."""
    rows = ModelFile.objects.filter(version=version).select_related("blob", "version")
    return rows.order_by("path")


def version_aliases(version: ModelVersion) -> QuerySet[Alias]:
    """Return the aliases that point at a version."""
    return Alias.objects.filter(version=version).order_by("name")


def _missing(name: str) -> str:
    """Say what a name is that is no model's."""
    if CHECKPOINT_MARK in name:
        return (
            f"{name!r} is a checkpoint, and no model yet: "
            "POST /v1/fine_tuning/jobs/{job}/checkpoints/{checkpoint}/model makes one of it."
        )
    return plugin_refusal(name) or (
        f"The model {name!r} does not exist. GET /v1/models lists those you can use."
    )


def _version_named(name: str) -> ModelVersion | None:
    if name.startswith("ft:"):
        return version_list().filter(name=name).first()
    if name.startswith("mv-"):
        return version_list().filter(pk=name).first()
    if CHECKPOINT_MARK in name:
        return version_list().filter(checkpoint=name).first()
    model_name, at, alias_name = name.partition("@")
    if not at:
        return installed_version(name)
    alias = Alias.objects.filter(model__name=model_name, name=alias_name).first()
    return version_list().filter(pk=alias.version_id).first() if alias else None
