"""/v1/webhook_endpoints: where a tenant's own servers are told what happened."""

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.bodies import StrictBody
from modelmill.api.framework.fields import TrueOrFalse
from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView
from modelmill.tenants.models import WebhookDelivery, WebhookEndpoint
from modelmill.tenants.webhooks.events import EVENT_TYPES
from modelmill.tenants.webhooks.selectors import (
    access_delivery,
    access_endpoint,
    delivery_list,
    endpoint_list,
)
from modelmill.tenants.webhooks.services import (
    delivery_again,
    endpoint_change,
    endpoint_create,
    endpoint_delete,
    endpoint_secret_rotate,
    endpoint_test,
)
from modelmill.tenants.webhooks.signing import secret_hint

_READ_WRITE: dict[str, str] = {"GET": "webhooks:read", "POST": "webhooks:write"}


class EndpointsView(TenantView):
    """A tenant's webhook endpoints."""

    permissions: ClassVar = _READ_WRITE

    class Body(StrictBody):
        """Where to send what."""

        url = serializers.CharField(max_length=500)
        event_types = serializers.ListField(
            child=serializers.ChoiceField(choices=EVENT_TYPES), default=list
        )
        description = serializers.CharField(max_length=100, default="", allow_blank=True)

    @extend_schema(
        summary="List webhook endpoints", responses=OpenApiTypes.OBJECT, tags=["webhooks"]
    )
    def get(self, request: Request) -> Response:
        """Answer with the endpoints, newest first."""
        return page_of(endpoint_list(), request, render=endpoint_shape)

    @extend_schema(
        summary="Create a webhook endpoint",
        request=Body,
        responses={201: OpenApiTypes.OBJECT},
        tags=["webhooks"],
    )
    def post(self, request: Request) -> Response:
        """Answer with the endpoint and its ``signing_secret``, which is shown now only."""
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        endpoint, secret = endpoint_create(caller=self.caller, **body.validated_data)
        return Response({**endpoint_shape(endpoint), "signing_secret": secret}, status=201)


class EndpointView(TenantView):
    """One endpoint."""

    permissions: ClassVar = {**_READ_WRITE, "DELETE": "webhooks:write"}

    class Body(StrictBody):
        """What to change; what is left out stays."""

        url = serializers.CharField(max_length=500, required=False)
        event_types = serializers.ListField(
            child=serializers.ChoiceField(choices=EVENT_TYPES), required=False
        )
        description = serializers.CharField(max_length=100, required=False, allow_blank=True)
        is_enabled = TrueOrFalse(required=False)

    @extend_schema(
        summary="Retrieve a webhook endpoint", responses=OpenApiTypes.OBJECT, tags=["webhooks"]
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Answer with one endpoint, without its secret."""
        return Response(endpoint_shape(access_endpoint(endpoint_id)))

    @extend_schema(
        operation_id="webhook_endpoints_update",
        summary="Change a webhook endpoint",
        request=Body,
        responses={200: OpenApiTypes.OBJECT},
        tags=["webhooks"],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Answer with the endpoint as it is now."""
        endpoint = access_endpoint(endpoint_id)
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        changed = endpoint_change(endpoint, caller=self.caller, **body.validated_data)
        return Response(endpoint_shape(changed))

    @extend_schema(
        summary="Delete a webhook endpoint", responses=OpenApiTypes.OBJECT, tags=["webhooks"]
    )
    def delete(self, request: Request, endpoint_id: str) -> Response:
        """Delete it with its log; nothing more is sent to it."""
        endpoint = access_endpoint(endpoint_id)
        endpoint_delete(endpoint, caller=self.caller)
        return Response({"id": endpoint_id, "object": "webhook_endpoint", "deleted": True})


class EndpointSecretView(TenantView):
    """An endpoint's secret."""

    permissions: ClassVar = _READ_WRITE

    @extend_schema(
        summary="Rotate a webhook's secret",
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        tags=["webhooks"],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Answer with a new ``signing_secret``; the old one signs too for another day."""
        endpoint = access_endpoint(endpoint_id)
        secret = endpoint_secret_rotate(endpoint, caller=self.caller)
        return Response({**endpoint_shape(endpoint), "signing_secret": secret})


class EndpointTestView(TenantView):
    """A test event."""

    permissions: ClassVar = _READ_WRITE

    @extend_schema(
        summary="Send a test event",
        request=None,
        responses={202: OpenApiTypes.OBJECT},
        tags=["webhooks"],
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        """Answer with the delivery, which is on its way."""
        delivery = endpoint_test(access_endpoint(endpoint_id), caller=self.caller)
        return Response(delivery_shape(delivery), status=202)


class DeliveriesView(TenantView):
    """What was sent to an endpoint."""

    permissions: ClassVar = _READ_WRITE

    @extend_schema(
        summary="List a webhook's deliveries", responses=OpenApiTypes.OBJECT, tags=["webhooks"]
    )
    def get(self, request: Request, endpoint_id: str) -> Response:
        """Answer with the deliveries of the last thirty days, newest first."""
        endpoint = access_endpoint(endpoint_id)
        return page_of(delivery_list(endpoint), request, render=delivery_shape)


class RedeliverView(TenantView):
    """One delivery, once more."""

    permissions: ClassVar = _READ_WRITE

    @extend_schema(
        summary="Send a delivery again",
        request=None,
        responses={202: OpenApiTypes.OBJECT},
        tags=["webhooks"],
    )
    def post(self, request: Request, delivery_id: str) -> Response:
        """Answer with the delivery, on its way again under the same event id."""
        delivery = delivery_again(access_delivery(delivery_id), caller=self.caller)
        return Response(delivery_shape(delivery), status=202)


def endpoint_shape(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return an endpoint as the API shows it."""
    return {
        "id": endpoint.pk,
        "object": "webhook_endpoint",
        "created_at": int(endpoint.created_at.timestamp()),
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": endpoint.event_types or list(EVENT_TYPES),
        "is_enabled": endpoint.is_enabled,
        "signing_secret_hint": secret_hint(endpoint),
    }


def delivery_shape(delivery: WebhookDelivery) -> dict[str, Any]:
    """Return a delivery as the API shows it."""
    return {
        "id": delivery.pk,
        "object": "webhook_delivery",
        "created_at": int(delivery.created_at.timestamp()),
        "webhook_endpoint": delivery.endpoint_id,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "status": delivery.state,
        "tries": delivery.tries,
        "last_status_code": delivery.last_status,
        "last_answer": delivery.last_answer,
        "last_ms": delivery.last_ms,
        "next_try_at": int(delivery.next_try_at.timestamp()) if delivery.next_try_at else None,
    }


_ONE = "webhook_endpoints/<str:endpoint_id>"
routes = [
    path("webhook_endpoints", EndpointsView.as_view(), name="webhook_endpoints"),
    path(_ONE, EndpointView.as_view(), name="webhook_endpoint"),
    path(f"{_ONE}/rotate_secret", EndpointSecretView.as_view(), name="webhook_secret"),
    path(f"{_ONE}/test", EndpointTestView.as_view(), name="webhook_test"),
    path(f"{_ONE}/deliveries", DeliveriesView.as_view(), name="webhook_deliveries"),
    path(
        "webhook_deliveries/<str:delivery_id>/redeliver",
        RedeliverView.as_view(),
        name="webhook_redeliver",
    ),
]
