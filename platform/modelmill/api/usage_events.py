"""The ledger, event by event, each with its exact price."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView
from modelmill.billing.pinning import book_times
from modelmill.billing.rating import Rates
from modelmill.billing.selectors import event_price
from modelmill.metering.models import UsageEvent
from modelmill.metering.selectors import usage_events

_EQUALS = ("meter", "plugin_id", "model_id", "api_key_id", "subject")
# Year 9999, so that a moment always fits a date.
TIME_MAX_S = 253_402_300_799


class UsageEventsView(TenantView):
    """All usage events."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    class Input(serializers.Serializer[Any]):
        """What may be asked for."""

        start_time = serializers.IntegerField(required=False, min_value=0, max_value=TIME_MAX_S)
        end_time = serializers.IntegerField(required=False, min_value=0, max_value=TIME_MAX_S)
        billable = serializers.BooleanField(required=False)
        meter = serializers.CharField(required=False)
        plugin_id = serializers.CharField(required=False, allow_blank=True)
        model_id = serializers.CharField(required=False)
        api_key_id = serializers.CharField(required=False)
        subject = serializers.CharField(required=False)

    @extend_schema(
        operation_id="usage_events_list",
        parameters=[Input, OpenApiParameter("after", str), OpenApiParameter("limit", int)],
        responses=OpenApiTypes.OBJECT,
        tags=["usage"],
    )
    def get(self, request: Request) -> Response:
        """List usage events, newest first; times are seconds and bound ``accounted_at``."""
        asked = self.Input(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        # An absent boolean in a query string reads as False: ask the string.
        fields = [*_EQUALS, "billable"] if "billable" in request.query_params else [*_EQUALS]
        events = usage_events(
            start=_moment(given.get("start_time")),
            end=_moment(given.get("end_time")),
            **{name: given[name] for name in fields if name in given},
        )
        times = book_times(self.caller.tenant.id)
        return page_of(
            events,
            request,
            render=lambda event: usage_event_json(event, rates=times.rates_at(event.accounted_at)),
            default_limit=100,
            max_limit=1000,
        )


def usage_event_json(event: UsageEvent, *, rates: Rates) -> dict[str, Any]:
    """Return an event as JSON. ``amount_exact`` is a fraction of micro-units: those sum exactly."""
    price = event_price(event, rates=rates)
    rate = price.rate
    return {
        "id": event.id,
        "object": "usage.event",
        "source": event.source,
        "event_id": event.event_id,
        "meter": event.meter,
        "qty": event.qty,
        "occurred_at": event.occurred_at.timestamp(),
        "accounted_at": event.accounted_at.timestamp(),
        "subject": event.subject or None,
        "plugin_id": event.plugin_id or None,
        "model_id": event.model_id or None,
        "api_key_id": event.api_key_id or None,
        "billable": event.billable,
        "reason": event.reason or None,
        "dims": event.dims,
        "price": {"amount_micro": rate.amount_micro, "per": rate.per, "title": rate.title}
        if rate
        else None,
        "amount_micro": price.amount_micro,
        "amount_exact": str(price.exact_micro),
    }


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


routes = [path("usage/events", UsageEventsView.as_view(), name="usage-events")]
