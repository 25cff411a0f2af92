"""The registry's tables: models, versions, their files, and aliases."""

from django.db import models

from modelmill.catalog.models import Release
from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.models import Blob
from modelmill.core.owned import TenantOwned

NAME_MAX_LENGTH = 255


def model_id() -> str:
    """Return a fresh model id."""
    return new_id("model")


def version_id() -> str:
    """Return a fresh model version id."""
    return new_id("mv")


class Model(TenantOwned):
    """A trained result that is improved from version to version, under one name."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=model_id)
    name = models.CharField(max_length=100)
    plugin_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="model_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "name"], name="model_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersion(TenantOwned):
    """An immutable state of a model, and everything it was made from.

    Dataset versions and jobs are named by id, not linked: the model outlives
    the data, and the training room lies above this one.
    """

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=version_id)
    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=NAME_MAX_LENGTH)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    # What made it: a job, or the operator, by the folder of that name among the base models.
    job_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    installed = models.CharField(max_length=100, blank=True)
    # The name of the checkpoint that the job made it of, if it was not its last step.
    checkpoint = models.CharField(max_length=100, blank=True)
    dataset_version_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    validation_version_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    parameters = models.JSONField(default=dict)
    seed = models.BigIntegerField()
    step = models.BigIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # The row stays when the bytes go: predictions and invoices still name it.
    deleted_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="version_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "name"], name="version_name_once"),
            models.UniqueConstraint(
                fields=["tenant", "job_id"],
                condition=~models.Q(job_id=""),
                name="version_of_job_once",
            ),
            models.CheckConstraint(
                condition=models.Q(job_id="") | models.Q(installed=""), name="version_made_once"
            ),
            models.UniqueConstraint(fields=["model", "number"], name="version_number_once"),
            TenantLink(field="model", name="version_model_link"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "checkpoint"],
                name="version_checkpoint",
                condition=~models.Q(checkpoint=""),
            )
        ]

    def __str__(self) -> str:
        return self.name


class ModelFile(TenantOwned):
    """One file of a version: its path inside the model's folder, and its bytes."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=255)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "path"], name="model_file_once"),
            TenantLink(field="version", name="model_file_version_link"),
            TenantLink(field="blob", name="model_file_blob_link"),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return self.path.rpartition("/")[2]


class Alias(TenantOwned):
    """A movable name such as ``prod`` for one version of a model."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="aliases")
    name = models.SlugField(max_length=50)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="aliases")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["model", "name"], name="alias_once"),
            TenantLink(field="model", name="alias_model_link"),
            TenantLink(field="version", name="alias_version_link"),
        ]

    def __str__(self) -> str:
        return self.name
