"""The core room's tables: stored bytes, and messages that must leave the house."""

from django.db import models
from django.db.models.functions import Now

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.owned import TenantOwned


def blob_id() -> str:
    """Return a fresh blob id."""
    return new_id("blob")


class Blob(TenantOwned):
    """Bytes a tenant stores, once per content, counted by how many rows hold them."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=blob_id)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    media_type = models.CharField(max_length=100, blank=True)
    path = models.CharField(max_length=200)
    refs = models.PositiveIntegerField(default=1)
    # When somebody last took hold of it: until a row names it, only this keeps it.
    held_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="blob_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "sha256"], name="blob_tenant_sha256"),
        ]

    def __str__(self) -> str:
        return self.id


class OutboxMessage(models.Model):
    """A message to a task, written in the transaction of the fact it tells of."""

    topic = models.CharField(max_length=120)
    key = models.CharField(max_length=200, unique=True)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    available_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["available_at"],
                condition=models.Q(sent_at=None),
                name="outbox_unsent",
            )
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.key}"
