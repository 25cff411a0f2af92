"""What files become: datasets, their immutable versions, and what was found in them."""

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.models import Blob
from modelmill.core.owned import TenantOwned
from modelmill.datasets.models.file import File


def dataset_id() -> str:
    """Return a fresh dataset id."""
    return new_id("ds")


def version_id() -> str:
    """Return a fresh dataset version id."""
    return new_id("dsv")


class Kind(models.TextChoices):
    """What the rows of a dataset are; plugins say which kinds they accept."""

    IMAGES = "images", _("Images")
    LABELLED_IMAGES = "labelled_images", _("Labelled images")
    TEXT = "text", _("Text")
    LABELLED_TEXT = "labelled_text", _("Labelled text")
    CONVERSATIONS = "conversations", _("Conversations")
    INTERACTIONS = "interactions", _("Interactions")
    TABLE = "table", _("Table")


class Split(models.TextChoices):
    """The part of a dataset a row is for."""

    TRAIN = "train", _("Training")
    VALIDATION = "validation", _("Validation")
    TEST = "test", _("Test")


class Dataset(TenantOwned):
    """A named collection; what it holds are its versions."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=dataset_id)
    name = models.CharField(max_length=120)
    created_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="dataset_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def newest(self) -> "DatasetVersion | None":
        """Return the newest version; free of a query on rows that ``dataset_list`` gave."""
        known: list[DatasetVersion] | None = getattr(self, "newest_versions", None)
        if known is None:
            return self.versions.order_by("-number").first()
        return known[0] if known else None


class DatasetVersion(TenantOwned):
    """One state of a dataset; once ready it never changes again."""

    class State(models.TextChoices):
        """Where the check of the content stands."""

        VALIDATING = "validating", _("Being checked")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Refused")

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=version_id)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    source_file = models.ForeignKey(File, null=True, on_delete=models.SET_NULL, related_name="+")
    source_name = models.CharField(max_length=255)
    source_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=State.choices, default=State.VALIDATING)
    kind = models.CharField(max_length=20, choices=Kind.choices, blank=True)
    label_names = models.JSONField(null=True)
    row_count = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    splits = models.JSONField(default=dict)
    statistics = models.JSONField(default=dict)
    preview = models.JSONField(default=list)
    problem_count = models.BigIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    # The sentence before its places were filled, for pages in other languages.
    error_detail = models.JSONField(default=dict)
    # The check itself: how far it is, who may work on it, and how often that was tried.
    rows_seen = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="dataset_version_tenant_id"),
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_number"),
            TenantLink(field="dataset", name="dataset_version_dataset_own"),
            TenantLink(field="source_file", name="dataset_version_file_own"),
            models.CheckConstraint(
                condition=models.Q(state__in=["validating", "ready", "failed"]),
                name="dataset_version_state_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ready")
                | (~models.Q(sha256="") & ~models.Q(kind="") & models.Q(row_count__gt=0)),
                name="dataset_version_ready_is_whole",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(error_message=""),
                name="dataset_version_failed_says_why",
            ),
        ]
        indexes = [
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state="validating"),
                name="dataset_version_to_check",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id} v{self.number}"

    @property
    def is_ready(self) -> bool:
        """Say whether a job may train on it."""
        return self.state == self.State.READY

    @property
    def error_text(self) -> str:
        """The refusal in the reader's language."""
        template = self.error_detail.get("template")
        if not template:
            return self.error_message
        params = {
            # A reason given as a parameter is a sentence of ours too.
            name: gettext(value) if isinstance(value, str) and value else value
            for name, value in self.error_detail.get("params", {}).items()
        }
        return gettext(template) % params if params else gettext(template)


class DatasetShard(TenantOwned):
    """One Parquet file of a version."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="shards")
    split = models.CharField(max_length=12, choices=Split.choices)
    number = models.PositiveIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    row_count = models.BigIntegerField()
    size_bytes = models.BigIntegerField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["version", "split", "number"], name="dataset_shard_once"
            ),
            TenantLink(field="version", name="dataset_shard_version_own"),
            TenantLink(field="blob", name="dataset_shard_blob_own"),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def file_name(self) -> str:
        """Name the shard in the folder a plugin reads: ``train-00000.parquet``."""
        return f"{self.split}-{self.number:05d}.parquet"


class DatasetThumbnail(TenantOwned):
    """A small picture of one row, for the version's page."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="thumbnails")
    number = models.PositiveIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    caption = models.CharField(max_length=255, blank=True)
    width_px = models.PositiveIntegerField()
    height_px = models.PositiveIntegerField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "number"], name="dataset_thumbnail_once"),
            TenantLink(field="version", name="dataset_thumbnail_version_own"),
            TenantLink(field="blob", name="dataset_thumbnail_blob_own"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.number}"


class DatasetProblem(TenantOwned):
    """One thing that is wrong in a version's source, and what to do about it."""

    # Made from the version's id and the number, so that a list pages by key in order found.
    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH)
    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="problems")
    file = models.CharField(max_length=500, blank=True)
    row = models.BigIntegerField(null=True)
    field = models.CharField(max_length=200, blank=True)
    reason = models.TextField()
    fix = models.TextField(blank=True)

    class Meta(TenantOwned.Meta):
        constraints = [TenantLink(field="version", name="dataset_problem_version_own")]

    def __str__(self) -> str:
        return self.reason

    @property
    def reason_text(self) -> str:
        """What is wrong, in the reader's language."""
        return gettext(self.reason)

    @property
    def fix_text(self) -> str:
        """What to do, in the reader's language."""
        return gettext(self.fix) if self.fix else ""
