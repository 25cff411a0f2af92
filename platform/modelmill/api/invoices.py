"""Invoices, their lines, the events behind each line, and the PDF."""

from typing import Any, ClassVar

from django.conf import settings
from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView
from modelmill.api.usage_events import usage_event_json
from modelmill.billing.books import book_rates
from modelmill.billing.documents import document_find
from modelmill.billing.dues import invoice_payments
from modelmill.billing.models import Invoice, InvoiceLine, JournalEntry
from modelmill.billing.selectors import (
    access_invoice,
    access_invoice_line,
    invoice_line_events,
    invoice_lines,
    invoice_list,
)
from modelmill.core.downloads import blob_response
from modelmill.core.errors import InvalidRequest, Unavailable
from modelmill.core.money import MICRO_PER_CENT

_LANGUAGES = [code for code, _name in settings.LANGUAGES]


class InvoicesView(TenantView):
    """All invoices."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(operation_id="invoices_list", responses=OpenApiTypes.OBJECT, tags=["billing"])
    def get(self, request: Request) -> Response:
        """List the invoices, newest first."""
        return page_of(invoice_list(), request, render=_invoice)


class InvoiceView(TenantView):
    """One invoice."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(operation_id="invoices_get", responses=OpenApiTypes.OBJECT, tags=["billing"])
    def get(self, request: Request, invoice_id: str) -> Response:
        """Return an invoice with its lines, and with what was paid of it after it was closed."""
        invoice = access_invoice(invoice_id)
        lines = [_line(line) for line in invoice_lines(invoice)]
        payments = [_payment(entry) for entry in invoice_payments(invoice)]
        return Response(_invoice(invoice) | {"lines": lines, "payments": payments})


class InvoiceLineEventsView(TenantView):
    """The events of one line."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(
        operation_id="invoices_line_events", responses=OpenApiTypes.OBJECT, tags=["billing"]
    )
    def get(self, request: Request, invoice_id: str, line_id: str) -> Response:
        """List exactly the usage events a line is the sum of, newest first."""
        invoice = access_invoice(invoice_id)
        line = access_invoice_line(invoice, line_id)
        rates = book_rates(invoice.book_id)
        return page_of(
            invoice_line_events(line),
            request,
            render=lambda event: usage_event_json(event, rates=rates),
            default_limit=100,
            max_limit=1000,
        )


class InvoicePdfView(TenantView):
    """The invoice as a document."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(
        operation_id="invoices_pdf",
        parameters=[OpenApiParameter("language", str, enum=_LANGUAGES)],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
        tags=["billing"],
    )
    def get(self, request: Request, invoice_id: str) -> HttpResponseBase:
        """Return the PDF; 503 with ``not_ready`` while a worker is still making it."""
        invoice = access_invoice(invoice_id)
        language = request.query_params.get("language", self.caller.tenant.language)
        if language not in _LANGUAGES:
            raise InvalidRequest(
                f"Choose a language from: {', '.join(_LANGUAGES)}.", param="language"
            )
        document = document_find(invoice, language=language)
        if document is None:
            raise Unavailable("The PDF is being made; ask again in a moment.", code="not_ready")
        name = f"{invoice.full_number}.pdf"
        return blob_response(request, document.blob, name=name, media_type="application/pdf")


def _invoice(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": invoice.id,
        "object": "invoice",
        "number": invoice.full_number,
        "status": invoice.payment_state,
        "created_at": int(invoice.finalized_at.timestamp()) if invoice.finalized_at else None,
        "period_start": invoice.period_start.timestamp(),
        "period_end": invoice.period_end.timestamp(),
        "currency": invoice.currency.lower(),
        "seller": _party(invoice, "seller"),
        "buyer": _party(invoice, "buyer"),
        "subtotal_micro": invoice.subtotal_micro,
        "total_cents": invoice.total_cents,
        "paid_cents": invoice.total_cents - invoice.due_cents,
        "due_cents": invoice.due_cents,
        "lines_sha256": invoice.lines_sha256,
    }


def _party(invoice: Invoice, side: str) -> dict[str, str | None]:
    """Who sold or bought, as it was when the invoice was closed."""
    fields = ("name", "address", "tax_number")
    return {field: getattr(invoice, f"{side}_{field}") or None for field in fields}


def _payment(entry: JournalEntry) -> dict[str, Any]:
    return {
        "id": entry.txn_id,
        "object": "invoice.payment",
        "created_at": int(entry.txn.created_at.timestamp()),
        "amount_cents": entry.amount_micro // MICRO_PER_CENT,
    }


def _line(line: InvoiceLine) -> dict[str, Any]:
    price = {"amount_micro": line.price_micro, "per": line.price_per, "title": line.title}
    return {
        "id": line.id,
        "object": "invoice.line",
        "meter": line.meter,
        "meter_title": line.meter_title or None,
        "plugin_id": line.plugin_id or None,
        "billable": line.billable,
        "qty": line.qty,
        "event_count": line.event_count,
        "price": price if line.price_per is not None else None,
        "amount_micro": line.amount_micro,
        "amount_cents": line.amount_cents,
    }


routes = [
    path("invoices", InvoicesView.as_view(), name="invoices"),
    path("invoices/<str:invoice_id>", InvoiceView.as_view(), name="invoice"),
    path(
        "invoices/<str:invoice_id>/lines/<str:line_id>/events",
        InvoiceLineEventsView.as_view(),
        name="invoice-line-events",
    ),
    path("invoices/<str:invoice_id>/pdf", InvoicePdfView.as_view(), name="invoice-pdf"),
]
