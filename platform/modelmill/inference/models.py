"""The inference room's table: each use of a model."""

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.owned import TenantOwned
from modelmill.registry.models import NAME_MAX_LENGTH, ModelVersion


def prediction_id() -> str:
    """Return a fresh prediction id."""
    return new_id("pred")


class Prediction(TenantOwned):
    """One use of a model: what was asked, who works on it, what came out, what it cost."""

    class State(models.TextChoices):
        """Where a prediction is; the last three are final."""

        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=prediction_id)

    # What was asked.
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    model_name = models.CharField(max_length=NAME_MAX_LENGTH)
    plugin_id = models.CharField(max_length=64)
    endpoint = models.CharField(max_length=20)
    inputs = models.JSONField(default=list)
    parameters = models.JSONField(default=dict)
    seed = models.BigIntegerField(null=True)
    rendering = models.JSONField(default=dict)
    is_streamed = models.BooleanField(default=False)
    idempotency_key = models.CharField(max_length=255, null=True)
    request_sha256 = models.CharField(max_length=64, blank=True)
    api_key_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    made_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    # Who works on it.
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    is_cancel_asked = models.BooleanField(default=False)
    attempt = models.PositiveIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    # What came out.
    outputs = models.JSONField(default=list)
    usage = models.JSONField(default=dict)
    usage_bound = models.JSONField(default=dict)
    load_ms = models.PositiveIntegerField(null=True)
    compute_ms = models.PositiveIntegerField(null=True)
    model_state = models.CharField(max_length=4, blank=True)
    reservation_id = models.CharField(max_length=ID_MAX_LENGTH)
    # When the customer, or time, took away inputs and outputs; what it cost stays.
    forgotten_at = models.DateTimeField(null=True)
    cost_micro = models.BigIntegerField(default=0)
    error = models.JSONField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="prediction_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"], name="prediction_idempotency"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["queued", "running", "succeeded", "failed", "cancelled"]
                ),
                name="prediction_state_known",
            ),
            TenantLink(field="version", name="prediction_version_link"),
        ]
        indexes = [
            models.Index(
                fields=["rung_at"],
                condition=models.Q(state="queued"),
                name="prediction_queued",
            ),
            models.Index(
                fields=["version", "id"],
                condition=models.Q(state="queued"),
                name="prediction_queued_of_version",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state="running"),
                name="prediction_running",
            ),
            models.Index(
                fields=["finished_at"],
                condition=models.Q(forgotten_at=None),
                name="prediction_kept",
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_final(self) -> bool:
        """Say whether nothing will change any more."""
        return self.state in self.FINAL

    @property
    def queue_ms(self) -> int | None:
        """How long it waited for a worker; None while it waits."""
        if self.started_at is None:
            return None
        return max(0, (self.started_at - self.created_at) // timedelta(milliseconds=1))
