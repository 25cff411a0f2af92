"""What was uploaded: files, and uploads that arrive in parts."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.models import Blob
from modelmill.core.owned import TenantOwned


def file_id() -> str:
    """Return a fresh file id."""
    return new_id("file")


def upload_id() -> str:
    """Return a fresh upload id; the underscore is OpenAI's."""
    return new_id("upload", separator="_")


def part_id() -> str:
    """Return a fresh upload part's id; the underscore is OpenAI's."""
    return new_id("part", separator="_")


class Purpose(models.TextChoices):
    """What a file is for: OpenAI's words, and our own "dataset"."""

    FINE_TUNE = "fine-tune", _("Training")
    DATASET = "dataset", _("Dataset")
    BATCH = "batch", _("Batch")
    VISION = "vision", _("Vision")
    USER_DATA = "user_data", _("User data")
    EVALS = "evals", _("Evaluations")
    ASSISTANTS = "assistants", _("Assistants")
    # Made by the platform, never uploaded.
    BATCH_OUTPUT = "batch_output", _("Batch output")
    FINE_TUNE_RESULTS = "fine-tune-results", _("Training results")


# A file of one of these becomes a dataset version by itself.
DATASET_PURPOSES = frozenset({Purpose.FINE_TUNE.value, Purpose.DATASET.value})
INPUT_PURPOSES = tuple(
    purpose.value
    for purpose in Purpose
    if purpose not in (Purpose.BATCH_OUTPUT, Purpose.FINE_TUNE_RESULTS)
)


class File(TenantOwned):
    """One uploaded file, byte for byte as it came."""

    class Status(models.TextChoices):
        """What is known of the content; OpenAI's words."""

        UPLOADED = "uploaded", _("Being checked")
        PROCESSED = "processed", _("Ready")
        ERROR = "error", _("Refused")

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=file_id)
    filename = models.CharField(max_length=255)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    media_type = models.CharField(max_length=100, blank=True)
    size_bytes = models.BigIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.UPLOADED)
    status_details = models.TextField(blank=True)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="file_tenant_id"),
            TenantLink(field="blob", name="file_blob_own"),
            models.CheckConstraint(
                condition=models.Q(purpose__in=Purpose.values), name="file_purpose_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["uploaded", "processed", "error"]),
                name="file_status_known",
            ),
            models.CheckConstraint(
                condition=models.Q(size_bytes__gte=0), name="file_size_not_negative"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(expires_at__isnull=False),
                name="file_expiring",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.id})"


class Upload(TenantOwned):
    """A file that arrives in parts, and becomes a ``File`` when all are there."""

    class Status(models.TextChoices):
        """Where the upload stands; OpenAI's words."""

        PENDING = "pending", _("Pending")
        COMPLETED = "completed", _("Completed")
        CANCELLED = "cancelled", _("Cancelled")
        EXPIRED = "expired", _("Expired")

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=upload_id)
    filename = models.CharField(max_length=255)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    media_type = models.CharField(max_length=100, blank=True)
    size_bytes = models.BigIntegerField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    file = models.ForeignKey(File, null=True, on_delete=models.SET_NULL, related_name="+")
    # Seconds from the file's creation to its deletion; counted once the parts are joined.
    file_lifetime_s = models.PositiveIntegerField(null=True)
    # The parts it was completed from, so that a repeated request gets the same answer.
    part_ids = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="upload_tenant_id"),
            TenantLink(field="file", name="upload_file_own"),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "completed", "cancelled", "expired"]),
                name="upload_status_known",
            ),
            models.CheckConstraint(
                condition=models.Q(size_bytes__gt=0), name="upload_size_positive"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status="pending"),
                name="upload_pending_expiring",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.id})"


class UploadPart(TenantOwned):
    """One piece of an upload; the completing request says which pieces, in which order."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=part_id)
    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="parts")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    size_bytes = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="upload_part_tenant_id"),
            TenantLink(field="upload", name="upload_part_upload_own"),
            TenantLink(field="blob", name="upload_part_blob_own"),
        ]

    def __str__(self) -> str:
        return self.id
