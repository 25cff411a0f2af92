"""Invoices: the list, one with its lines, a line's events, and the PDF."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from modelmill.billing.books import book_rates
from modelmill.billing.documents import document_find
from modelmill.billing.dues import invoice_payments
from modelmill.billing.models import Invoice
from modelmill.billing.selectors import (
    access_invoice,
    access_invoice_line,
    balance_summary,
    invoice_line_events,
    invoice_lines,
    invoice_list,
)
from modelmill.core.downloads import blob_response
from modelmill.metering.meters import quantity_text
from modelmill.metering.titles import MeterTitles
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.paging import rows_of
from modelmill.web.usage import priced


@tenant_page(read="billing:read")
def invoices(request: PageRequest) -> HttpResponse:
    """List the invoices, and what the open period costs so far."""
    context = {
        "rows": rows_of(invoice_list(), request),
        "balance": balance_summary(request.caller.tenant.pk),
    }
    return render(request, "invoices/list.html", context)


@tenant_page(read="billing:read")
def invoice(request: PageRequest, invoice_id: str) -> HttpResponse:
    """Show one invoice, and what was paid of it after it was closed."""
    found = access_invoice(invoice_id)
    titles = MeterTitles()
    lines = [
        {
            "line": line,
            "title": titles.frozen(line.meter_title, meter=line.meter, plugin_id=line.plugin_id),
            "plugin": titles.plugin(line.plugin_id),
            "quantity": quantity_text(line.meter, line.qty),
        }
        for line in invoice_lines(found)
    ]
    context = {
        "invoice": found,
        "lines": lines,
        "payments": invoice_payments(found),
        "last_day": last_day(found),
    }
    return render(request, "invoices/detail.html", context)


@tenant_page(read="billing:read")
def invoice_line(request: PageRequest, invoice_id: str, line_id: str) -> HttpResponse:
    """Show exactly the events a line is the sum of."""
    line = access_invoice_line(access_invoice(invoice_id), line_id)
    rows = rows_of(invoice_line_events(line), request, size=50)
    rates = book_rates(line.invoice.book_id)
    titles = MeterTitles()
    title = titles.frozen(line.meter_title, meter=line.meter, plugin_id=line.plugin_id)
    context = {
        "invoice": line.invoice,
        "line": line,
        "title": title,
        "quantity": quantity_text(line.meter, line.qty),
        "rows": rows,
        "priced": priced(
            rows.items,
            rates_at=lambda _moment: rates,
            title_of=lambda _meter, _plugin_id: title,
            plugin_of=titles.plugin,
        ),
    }
    return render(request, "invoices/line.html", context)


@tenant_page(read="billing:read")
def invoice_pdf(request: PageRequest, invoice_id: str) -> HttpResponseBase:
    """Download the PDF in the reader's language; one that is not made yet is ordered."""
    found = access_invoice(invoice_id)
    document = document_find(found, language=get_language() or "en")
    if document is None:
        messages.info(request, _("The PDF is being made. Try again in a moment."))
        return redirect("web:invoice", found.pk)
    name = f"{found.full_number}.pdf"
    return blob_response(request, document.blob, name=name, media_type="application/pdf")


def last_day(found: Invoice) -> object:
    """Return the last moment inside the period, for people who count days inclusively."""
    return found.period_end - timedelta(microseconds=1)


routes = [
    path("invoices", invoices, name="invoices"),
    path("invoices/<str:invoice_id>", invoice, name="invoice"),
    path("invoices/<str:invoice_id>/pdf", invoice_pdf, name="invoice_pdf"),
    path("invoices/<str:invoice_id>/lines/<str:line_id>", invoice_line, name="invoice_line"),
]
