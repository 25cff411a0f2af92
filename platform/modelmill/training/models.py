"""The training room's tables."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from modelmill.catalog.models import Release
from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.models import Blob
from modelmill.core.owned import TenantOwned
from modelmill.registry.models import ModelVersion
from modelmill.registry.naming import CHECKPOINT_MARK
from modelmill.training.devices import devices_name
from modelmill.training.failures import Failure
from modelmill.training.sayings import sentence_read
from modelmill.training.states import Desired, EarlyEnd, Priority, State

# A damaged one then has another behind it.
CHECKPOINTS_KEPT = 2
MAX_KEPT = 20


def job_id() -> str:
    """Return a fresh job id, in OpenAI's form."""
    return new_id("ftjob")


def event_id() -> str:
    """Return a fresh event id, in OpenAI's form."""
    return new_id("ftevent")


def checkpoint_id() -> str:
    """Return a fresh checkpoint id, in OpenAI's form."""
    return new_id("ftckpt", separator="_")


class Job(TenantOwned):
    """What was asked, how far it is, and who holds it.

    Files and dataset versions are named by id: the job's story outlives the data.
    ``fence`` grows with every claim; a write that carries an older one is a
    zombie's and changes nothing.
    """

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=job_id)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    training_ref = models.CharField(max_length=ID_MAX_LENGTH)
    validation_ref = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    training_version_id = models.CharField(max_length=ID_MAX_LENGTH)
    validation_version_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    parameters = models.JSONField(default=dict)
    # Whatever the order of their names: SQLite compares JSON as text.
    parameters_sha256 = models.CharField(max_length=64, blank=True)
    suffix = models.CharField(max_length=64, blank=True)
    seed = models.BigIntegerField()
    metadata = models.JSONField(default=dict)
    created_by = models.CharField(max_length=200, blank=True)
    api_key_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True)
    spec_hash = models.CharField(max_length=64)

    state = models.CharField(max_length=20, choices=State.choices)
    desired_state = models.CharField(max_length=8, choices=Desired.choices, default=Desired.RUN)
    # The least a GPU must have; 0 where a CPU does as well.
    gpu_memory_mib = models.PositiveIntegerField(default=0)
    # What the same work took before, on a GPU and of the machine's memory; 0 while nobody knows.
    expected_gpu_memory_mib = models.PositiveIntegerField(default=0)
    expected_memory_mib = models.PositiveIntegerField(default=0)
    # Among the tenant's own: the higher first, and of equals the older.
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    attempt = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField()
    fence = models.BigIntegerField(default=0)
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True)
    next_run_at = models.DateTimeField()

    step = models.BigIntegerField(default=0)
    total_steps = models.BigIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    billed_through_step = models.BigIntegerField(default=0)
    # Of that time, what went by behind that step, without another.
    billed_still_ms = models.BigIntegerField(default=0, db_default=0)
    billed_ms = models.BigIntegerField(default=0)
    meter = models.CharField(max_length=10, blank=True)
    # How many it trains on, each metered; what was told last.
    devices = models.PositiveSmallIntegerField(default=1, db_default=1)
    max_cost_micro = models.BigIntegerField(null=True)
    # What the whole was expected to cost and to take, and the step at which that was told; a step
    # without an amount: it could not be told.
    quote_micro = models.BigIntegerField(null=True)
    quote_ms = models.BigIntegerField(null=True)
    quote_devices = models.PositiveSmallIntegerField(default=1, db_default=1)
    quote_step = models.BigIntegerField(null=True)
    # Still to stop, unbilled, when that can be told, until the customer lets it go on.
    quote_first = models.BooleanField(default=False)
    # The device time of its first steps that nobody pays for.
    free_ms = models.BigIntegerField(default=0)
    early_end = models.CharField(max_length=8, choices=EarlyEnd.choices, blank=True)
    finish_asked_at = models.DateTimeField(null=True)
    # How many checkpoints keep their bytes when it is over, and the one it makes a model of.
    keep_checkpoints = models.PositiveSmallIntegerField(default=CHECKPOINTS_KEPT)
    from_checkpoint = models.ForeignKey(
        "Checkpoint", on_delete=models.SET_NULL, null=True, related_name="made_jobs"
    )
    reservation_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    # The ``seq`` that was given last to one of its events.
    events_count = models.BigIntegerField(default=0, db_default=0)

    error_code = models.CharField(max_length=20, choices=Failure.choices, blank=True)
    error_message = models.TextField(blank=True)
    error_param = models.CharField(max_length=100, blank=True)
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="job_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "idempotency_key"], name="job_asked_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=State.values), name="job_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(state="running", lease_until__isnull=False)
                | (~models.Q(state="running") & models.Q(lease_until__isnull=True)),
                name="job_lease_while_running",
            ),
            TenantLink(field="model_version", name="job_model_version_link"),
            TenantLink(field="from_checkpoint", name="job_from_checkpoint_link"),
        ]
        indexes = [
            models.Index(fields=["state", "next_run_at"], name="job_queue"),
            models.Index(fields=["training_version_id", "parameters_sha256"], name="job_by_work"),
            models.Index(fields=["tenant", "state", "-priority", "id"], name="job_in_lane"),
            models.Index(fields=["state", "-finished_at"], name="job_by_end"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def plugin_id(self) -> str:
        """The plugin the job trains."""
        return self.release.plugin_id

    @property
    def failure(self) -> str:
        """Why it failed: the best sentence there is, empty while there is nothing to say."""
        return self.error_message or str(self.get_error_code_display())

    @property
    def quote_s(self) -> int:
        """How long the whole was expected to train, in seconds; 0 while untold."""
        return (self.quote_ms or 0) // (1000 * self.quote_devices)

    @property
    def quote_cut_s(self) -> int:
        """How long it may train where the quote says longer, in seconds; 0 where it does not."""
        most_s = int(settings.TRAIN_MAX_S)
        return most_s if self.quote_s > most_s else 0

    @property
    def awaits_word(self) -> bool:
        """Whether it stands still, unbilled, until the customer has seen what it will cost."""
        return self.quote_first and self.state == State.PAUSED and self.quote_step is not None

    @property
    def lacks_money(self) -> bool:
        """Whether it is paused, or stops, or finishes at our cost, because the balance is used up.

        No failure: it goes on when it is resumed with money.
        """
        return self.error_code == Failure.QUOTA_EXCEEDED and not self.is_over

    @property
    def is_paused_unpaid(self) -> bool:
        """Whether it stands still until the balance is topped up and it is resumed."""
        return self.state == State.PAUSED and self.lacks_money

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in {State.SUCCEEDED, State.FAILED, State.CANCELLED}


class Attempt(TenantOwned):
    """One try at a job by one worker, from its claim to its end."""

    # In ``environment``; no package can be called so.
    RELEASE: ClassVar = "modelmill:release"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    fence = models.BigIntegerField()
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=120)
    device = models.CharField(max_length=120, blank=True)
    devices = models.PositiveSmallIntegerField(default=1, db_default=1)
    # What the device has of its own; 0 for a CPU.
    device_memory_mib = models.PositiveIntegerField(default=0)
    resumed_step = models.BigIntegerField(null=True)
    # How many slices of use were recorded: the same one again records nothing.
    slices = models.PositiveIntegerField(default=0)
    # The most it had at once, as far as it was measured; they only grow, and 0 is not measured.
    peak_memory_mib = models.PositiveIntegerField(default=0)
    peak_gpu_memory_mib = models.PositiveIntegerField(default=0)
    # How many the plugin's process computes with; 0 is not told.
    threads = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, blank=True)
    # Versions of Python and its libraries, as the plugin's process told them, and the processor;
    # and in our own words the release, which may be another than the job's by now.
    environment = models.JSONField(default=dict)
    # A traceback or the end of what the process printed: for the operator alone.
    detail = models.TextField(blank=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["job", "fence"], name="attempt_once"),
            TenantLink(field="job", name="attempt_job_link"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} attempt {self.number}"

    @property
    def device_name(self) -> str:
        """What it computes on, for people: "2 × NVIDIA H100"."""
        return devices_name(self.device, self.devices)


class Checkpoint(TenantOwned):
    """A state a job can go on from: one archive, trusted only while this row names its hash."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=checkpoint_id)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="checkpoints")
    step = models.BigIntegerField()
    fence = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    metrics = models.JSONField(default=dict)
    # Older ones keep their row for a while, for the list, and give their bytes back.
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    committed_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="checkpoint_tenant_id"),
            models.UniqueConstraint(fields=["job", "step", "fence"], name="checkpoint_once"),
            TenantLink(field="job", name="checkpoint_job_link"),
            TenantLink(field="blob", name="checkpoint_blob_link"),
        ]
        indexes = [
            models.Index(
                fields=["job"], name="checkpoint_kept", condition=models.Q(blob__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.job_id} step {self.step}"

    @property
    def name(self) -> str:
        """What it is called, and what a model made of it is called as well."""
        return f"{self.job_id}{CHECKPOINT_MARK}{self.step}"

    @property
    def model_job(self) -> "Job | None":
        """The job that makes, or made, a model of it, in rows that ``checkpoint_list`` returns."""
        return next(iter(self.made_jobs.all()), None)


class JobEvent(TenantOwned):
    """Something the customer may read about a job; events order by ``seq``.

    Their ids are made where they are drafted, by that machine's clock, and are in no order.
    """

    class Kind(models.TextChoices):
        """A line of text, a point on the curves, or a sample the plugin showed."""

        MESSAGE = "message"
        METRICS = "metrics"
        SAMPLE = "sample"

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=event_id)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    # In the order of commits: it is given under the job's lock. There may be gaps.
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    level = models.CharField(max_length=5, default="info")
    # In English where the platform speaks, whose ``code`` says it in the reader's language.
    message = models.TextField(blank=True)
    code = models.CharField(max_length=24, blank=True)
    step = models.BigIntegerField(default=0)
    values = models.JSONField(default=dict)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["message", "metrics", "sample"]),
                name="job_event_kind_known",
            ),
            models.UniqueConstraint(fields=["job", "seq"], name="job_event_in_order"),
            TenantLink(field="job", name="job_event_job_link"),
            TenantLink(field="blob", name="job_event_blob_link"),
        ]
        indexes = [models.Index(fields=["job", "kind", "seq"], name="job_event_by_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.message}"

    @property
    def said(self) -> str:
        """The line in the reader's language; what a plugin says is in its own."""
        return sentence_read(self.code, self.values, stored=self.message)


class WorkerSeen(models.Model):
    """A worker's sign of life, so that a page can say who is there and who is not."""

    name = models.CharField(primary_key=True, max_length=120)
    queue = models.CharField(max_length=20)
    device = models.CharField(max_length=120, blank=True)
    gpu_memory_mib = models.PositiveIntegerField(default=0)
    # What a plugin may have of the machine's memory here; 0 is not told, and no bound.
    memory_mib = models.PositiveIntegerField(default=0)
    job_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    # By level of isolation, then by fence: "on: how" or "off: why not"; see workers.hosts.fencing.
    fences = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


# Django looks for a room's tables in this module.
from modelmill.training.curves import MetricBucket, MetricPoint, MetricSeries  # noqa: E402
from modelmill.training.lanes import Lane  # noqa: E402
from modelmill.training.searches.models import Search, Trial  # noqa: E402

__all__ = [
    "Attempt",
    "Checkpoint",
    "Job",
    "JobEvent",
    "Lane",
    "MetricBucket",
    "MetricPoint",
    "MetricSeries",
    "Search",
    "Trial",
    "WorkerSeen",
]
