"""Webhook endpoints, and the log of what was delivered to them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.owned import TenantOwned


def endpoint_id() -> str:
    """Return a fresh webhook endpoint id."""
    return new_id("whe")


def delivery_id() -> str:
    """Return a fresh delivery id."""
    return new_id("whd")


class WebhookEndpoint(TenantOwned):
    """An address of the tenant's that is told of events.

    No secret is stored: it follows from the installation's key, the id and ``secret_version``.
    """

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=endpoint_id)
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=100, blank=True)
    # Empty: every type there is, and every one to come.
    event_types = models.JSONField(default=list)
    is_enabled = models.BooleanField(default=True)
    secret_version = models.PositiveIntegerField(default=1)
    rotated_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="webhook_endpoint_tenant_id")
        ]

    def __str__(self) -> str:
        return self.url

    def takes(self, event_type: str) -> bool:
        """Say whether the endpoint wants to hear of events of this type."""
        return not self.event_types or event_type in self.event_types


class WebhookDelivery(TenantOwned):
    """One event on its way to one endpoint, with how the last try went."""

    class State(models.TextChoices):
        """Where it is."""

        PENDING = "pending", _("Pending")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=delivery_id)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="+")
    event_id = models.CharField(max_length=ID_MAX_LENGTH)
    event_type = models.CharField(max_length=60)
    body = models.TextField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    last_tried_at = models.DateTimeField(null=True)
    last_status = models.PositiveIntegerField(null=True)
    last_answer = models.CharField(max_length=500, blank=True)
    last_ms = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="webhook_event_once"),
            TenantLink(field="endpoint", name="webhook_delivery_endpoint_link"),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=models.Q(state="pending"),
                name="webhook_delivery_due",
            ),
            models.Index(fields=["endpoint", "-id"], name="webhook_delivery_log"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} to {self.endpoint_id}"
