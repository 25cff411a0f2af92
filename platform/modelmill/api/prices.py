"""What things cost, and the money there is for them."""

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.views import TenantView
from modelmill.billing.models import BookChange, Price
from modelmill.billing.pinning import book_times
from modelmill.billing.selectors import balance_summary, book_prices


class PricesView(TenantView):
    """The tenant's price book."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(operation_id="prices_list", responses=OpenApiTypes.OBJECT, tags=["billing"])
    def get(self, request: Request) -> Response:
        """List the prices: ``amount_micro`` millionths for every ``per`` units of a meter."""
        times = book_times(self.caller.tenant.id)
        book, planned = times.book_now(), times.planned()
        return Response(
            {
                "object": "list",
                "book": book.id,
                "currency": book.currency.lower(),
                "effective_from": int(book.effective_from.timestamp()),
                "next": _planned(planned) if planned else None,
                "data": [_price(price) for price in book_prices(book)],
            }
        )


class BalanceView(TenantView):
    """The tenant's money."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(operation_id="balance_get", responses=OpenApiTypes.OBJECT, tags=["billing"])
    def get(self, request: Request) -> Response:
        """Return the balance, what is reserved, and what this period costs so far."""
        summary = balance_summary(self.caller.tenant.id)
        return Response(
            {
                "object": "balance",
                "currency": summary.currency.lower(),
                "available_micro": summary.wallet_micro,
                "reserved_micro": summary.reserved_micro,
                "unbilled_micro": summary.unbilled_micro,
                "period_cost_micro": summary.accrued_micro,
                "period_start": int(summary.period_start.timestamp()),
                "due_cents": summary.due_cents,
            }
        )


def _planned(change: BookChange) -> dict[str, Any]:
    """What holds from a later period on."""
    return {
        "book": change.book_id,
        "effective_from": int(change.starts_at.timestamp()),
        "data": [_price(price) for price in book_prices(change.book)],
    }


def _price(price: Price) -> dict[str, Any]:
    return {
        "object": "price",
        "meter": price.meter,
        "plugin_id": price.plugin_id or None,
        "amount_micro": price.amount_micro,
        "per": price.per,
        "title": price.title,
    }


routes = [
    path("prices", PricesView.as_view(), name="prices"),
    path("balance", BalanceView.as_view(), name="balance"),
]
