"""Webhooks' writes: endpoints, and the events they are told of."""

import json
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from modelmill.core.clock import database_now
from modelmill.core.errors import Conflict, InvalidRequest
from modelmill.core.ids import new_id
from modelmill.core.outbox import outbox_add
from modelmill.tenants.callers import Caller
from modelmill.tenants.models import WebhookDelivery, WebhookEndpoint
from modelmill.tenants.services import audit_record
from modelmill.tenants.webhooks.addresses import url_check
from modelmill.tenants.webhooks.events import EVENT_TYPES, TEST_EVENT
from modelmill.tenants.webhooks.signing import secret_of

DELIVER_TASK = "workers.tasks.webhooks.deliver"
MAX_ENDPOINTS = 20


def endpoint_create(
    url: str, *, caller: Caller, event_types: Iterable[str] = (), description: str = ""
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; return it with its secret, which is shown now and after a rotation.

    No ``event_types`` means all of them. Raises ``InvalidRequest`` and ``Conflict``.
    """
    caller.require("webhooks:write")
    url_check(url)
    if WebhookEndpoint.objects.count() >= MAX_ENDPOINTS:
        raise Conflict(
            _("There are %(most)s webhooks already; delete one first.") % {"most": MAX_ENDPOINTS}
        )
    endpoint = WebhookEndpoint.objects.create(
        tenant=caller.tenant,
        url=url,
        description=" ".join(description.split())[:100],
        event_types=_types(event_types),
    )
    audit_record("webhook.created", caller=caller, object_id=endpoint.pk, detail={"url": url})
    return endpoint, secret_of(endpoint)


def endpoint_change(
    endpoint: WebhookEndpoint,
    *,
    caller: Caller,
    url: str | None = None,
    event_types: Iterable[str] | None = None,
    description: str | None = None,
    is_enabled: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given; switching an endpoint on again forgets that it was failing."""
    caller.require("webhooks:write")
    if url is not None:
        url_check(url)
        endpoint.url = url
    if event_types is not None:
        endpoint.event_types = _types(event_types)
    if description is not None:
        endpoint.description = " ".join(description.split())[:100]
    if is_enabled is not None:
        endpoint.is_enabled = is_enabled
        endpoint.failing_since = None if is_enabled else endpoint.failing_since
    # Not the secret's version: somebody else may be renewing it at this moment.
    endpoint.save(
        update_fields=["url", "event_types", "description", "is_enabled", "failing_since"]
    )
    audit_record("webhook.changed", caller=caller, object_id=endpoint.pk)
    return endpoint


def endpoint_secret_rotate(endpoint: WebhookEndpoint, *, caller: Caller) -> str:
    """Give the endpoint a new secret and return it; the old one signs too for another day."""
    caller.require("webhooks:write")
    endpoint.secret_version += 1
    endpoint.rotated_at = database_now()
    endpoint.save(update_fields=["secret_version", "rotated_at"])
    audit_record("webhook.secret_rotated", caller=caller, object_id=endpoint.pk)
    return secret_of(endpoint)


def endpoint_delete(endpoint: WebhookEndpoint, *, caller: Caller) -> None:
    """Delete an endpoint with its log; what was on its way to it is given up."""
    caller.require("webhooks:write")
    audit_record(
        "webhook.deleted", caller=caller, object_id=endpoint.pk, detail={"url": endpoint.url}
    )
    endpoint.delete()


def endpoint_test(endpoint: WebhookEndpoint, *, caller: Caller) -> WebhookDelivery:
    """Send a test event to one endpoint, whatever types it takes."""
    caller.require("webhooks:write")
    with transaction.atomic():
        return _delivery_add(endpoint, _event(TEST_EVENT, object_id=endpoint.pk))


def webhook_announce(event_type: str, *, object_id: str, tenant_id: str) -> None:
    """Tell a tenant's endpoints of an event, in the transaction of the fact itself.

    ``object_id`` is all an event says of its object: whoever hears of it asks for the rest, and
    nothing private is in a body that was sent to the wrong place.
    """
    takers = [
        endpoint
        for endpoint in WebhookEndpoint.objects.filter(tenant_id=tenant_id, is_enabled=True)
        if endpoint.takes(event_type)
    ]
    if takers:
        event = _event(event_type, object_id=object_id)
        for endpoint in takers:
            _delivery_add(endpoint, event)


def delivery_again(delivery: WebhookDelivery, *, caller: Caller) -> WebhookDelivery:
    """Send an event once more, under the same id and with a fresh signature and date."""
    caller.require("webhooks:write")
    with transaction.atomic():
        delivery.state = WebhookDelivery.State.PENDING
        delivery.tries, delivery.next_try_at = 0, database_now()
        delivery.last_tried_at = None
        delivery.save(update_fields=["state", "tries", "next_try_at", "last_tried_at"])
        _ring(delivery)
    return delivery


def _event(event_type: str, *, object_id: str) -> dict[str, Any]:
    return {
        "id": new_id("evt", separator="_"),
        "object": "event",
        "created_at": int(database_now().timestamp()),
        "type": event_type,
        "data": {"id": object_id},
    }


def _delivery_add(endpoint: WebhookEndpoint, event: dict[str, Any]) -> WebhookDelivery:
    delivery = WebhookDelivery.objects.create(
        tenant_id=endpoint.tenant_id,
        endpoint=endpoint,
        event_id=event["id"],
        event_type=event["type"],
        body=json.dumps(event, separators=(",", ":")),
        next_try_at=database_now(),
    )
    _ring(delivery)
    return delivery


def _ring(delivery: WebhookDelivery) -> None:
    ids = {"delivery_id": delivery.pk, "tenant_id": delivery.tenant_id}
    outbox_add(DELIVER_TASK, key=new_id(f"webhook:{delivery.pk}"), payload=ids)


def _types(wanted: Iterable[str]) -> list[str]:
    chosen = sorted(set(wanted))
    unknown = [event_type for event_type in chosen if event_type not in EVENT_TYPES]
    if unknown:
        raise InvalidRequest(
            _("There is no event “%(unknown)s”. Choose from: %(known)s.")
            % {"unknown": unknown[0], "known": ", ".join(EVENT_TYPES)},
            code="unknown_event_type",
            param="event_types",
        )
    return chosen
