"""The metering room's tables."""

from django.db import models
from django.utils import timezone

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.owned import TenantOwned

METER_MAX_LENGTH = 40
PLUGIN_ID_MAX_LENGTH = 100
MODEL_ID_MAX_LENGTH = 200


def usage_event_id() -> str:
    """Return a fresh usage event id."""
    return new_id("use")


class UsageEvent(TenantOwned):
    """One fact of use. Rows are only ever added; triggers in the database see to it.

    ``occurred_at`` is when it happened; ``accounted_at`` decides its billing
    period, and is later only when the event came for a period already closed.
    """

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=usage_event_id)
    source = models.CharField(max_length=40)
    event_id = models.CharField(max_length=200)
    payload_sha256 = models.CharField(max_length=64)
    meter = models.CharField(max_length=METER_MAX_LENGTH)
    qty = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    accounted_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)
    subject = models.CharField(max_length=100, blank=True)
    plugin_id = models.CharField(max_length=PLUGIN_ID_MAX_LENGTH, blank=True)
    model_id = models.CharField(max_length=MODEL_ID_MAX_LENGTH, blank=True)
    api_key_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    billable = models.BooleanField(default=True)
    reason = models.CharField(max_length=100, blank=True)
    dims = models.JSONField(default=dict)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="usage_event_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "source", "event_id"], name="usage_event_once"
            ),
            models.CheckConstraint(condition=models.Q(qty__gte=0), name="usage_event_qty"),
            models.CheckConstraint(
                condition=models.Q(accounted_at__gte=models.F("occurred_at")),
                name="usage_event_accounted",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "accounted_at"], name="usage_event_by_time"),
            models.Index(fields=["tenant", "subject"], name="usage_event_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.event_id} {self.meter}={self.qty}"


class UsagePending(TenantOwned):
    """An event that no rollup counts yet; written and deleted with the fact, never by a cursor.

    A cursor over ids would skip events whose transaction commits late.
    """

    event = models.OneToOneField(
        UsageEvent, primary_key=True, on_delete=models.PROTECT, related_name="pending"
    )

    class Meta(TenantOwned.Meta):
        constraints = [TenantLink(field="event", name="usage_pending_event")]

    def __str__(self) -> str:
        return str(self.event_id)


class UsageRollup(TenantOwned):
    """The sum of the events of one hour with the same meter, plugin, model, key and billing."""

    hour = models.DateTimeField()
    meter = models.CharField(max_length=METER_MAX_LENGTH)
    plugin_id = models.CharField(max_length=PLUGIN_ID_MAX_LENGTH, blank=True)
    model_id = models.CharField(max_length=MODEL_ID_MAX_LENGTH, blank=True)
    api_key_id = models.CharField(max_length=ID_MAX_LENGTH, blank=True)
    billable = models.BooleanField()
    qty = models.BigIntegerField()
    event_count = models.BigIntegerField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "tenant",
                    "hour",
                    "meter",
                    "plugin_id",
                    "model_id",
                    "api_key_id",
                    "billable",
                ],
                name="usage_rollup_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.meter}={self.qty}"


class UsageSeal(TenantOwned):
    """How far a tenant's time is closed: no event is accounted before ``closed_through``."""

    closed_through = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = [models.UniqueConstraint(fields=["tenant"], name="usage_seal_once")]

    def __str__(self) -> str:
        return f"{self.tenant_id} through {self.closed_through:%Y-%m-%d %H:%M}"
