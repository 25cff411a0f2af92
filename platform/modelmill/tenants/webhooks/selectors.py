"""Webhooks' reads."""

from django.db.models import QuerySet

from modelmill.core.errors import NotFound
from modelmill.tenants.models import WebhookDelivery, WebhookEndpoint


def endpoint_list() -> QuerySet[WebhookEndpoint]:
    """Return the endpoints in scope, newest first."""
    return WebhookEndpoint.objects.order_by("-pk")


def access_endpoint(endpoint_id: str) -> WebhookEndpoint:
    """Return one endpoint in scope, or raise ``NotFound``."""
    endpoint = WebhookEndpoint.objects.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise NotFound("There is no such webhook endpoint.")
    return endpoint


def delivery_list(endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """Return what was sent to an endpoint, newest first."""
    return WebhookDelivery.objects.filter(endpoint=endpoint).order_by("-pk")


def access_delivery(delivery_id: str) -> WebhookDelivery:
    """Return one delivery in scope with its endpoint, or raise ``NotFound``."""
    found = WebhookDelivery.objects.select_related("endpoint").filter(pk=delivery_id).first()
    if found is None:
        raise NotFound("There is no such webhook delivery.")
    return found
