"""The tenants room's tables."""

from modelmill.tenants.models.people import (
    ApiKey,
    AuditEntry,
    Invitation,
    Member,
    Tenant,
    User,
    api_key_id,
    invitation_id,
    tenant_id,
)
from modelmill.tenants.models.webhooks import (
    WebhookDelivery,
    WebhookEndpoint,
    delivery_id,
    endpoint_id,
)

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Invitation",
    "Member",
    "Tenant",
    "User",
    "WebhookDelivery",
    "WebhookEndpoint",
    "api_key_id",
    "delivery_id",
    "endpoint_id",
    "invitation_id",
    "tenant_id",
]
