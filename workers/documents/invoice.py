"""An invoice as a PDF. WeasyPrint is loaded here, in a worker, and never by the web process."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from modelmill.billing.models import Invoice, InvoiceLine
from modelmill.billing.selectors import invoice_lines
from modelmill.core.money import MICRO_PER_CENT, micro_text, price_text
from modelmill.metering.meters import quantity_text
from modelmill.metering.titles import MeterTitles
from modelmill.tenants.models import Tenant


def invoice_pdf(invoice: Invoice, *, language: str) -> bytes:
    """Return the document's bytes, in a language and in the tenant's time zone."""
    from weasyprint import HTML

    html = invoice_html(invoice, language=language)
    content: bytes = HTML(string=html, base_url=str(settings.BASE_DIR)).write_pdf()
    return content


def invoice_html(invoice: Invoice, *, language: str) -> str:
    """Return the document as the page that is printed: the invoice as it was when it was closed.

    What was paid since is not in it, so that it is the same whenever it is made.
    """
    tenant = Tenant.objects.get(pk=invoice.tenant_id)
    with translation.override(language), timezone.override(ZoneInfo(tenant.time_zone)):
        titles = MeterTitles()
        return render_to_string(
            "invoice_document/invoice.html",
            {
                "invoice": invoice,
                "language": language,
                "operator": invoice.seller_name or settings.OPERATOR_NAME,
                "operator_css": _css_text(invoice.seller_name or settings.OPERATOR_NAME),
                "lines": [_line(line, invoice, titles) for line in invoice_lines(invoice)],
                "exact": micro_text(invoice.subtotal_micro, currency=invoice.currency),
                "total": _cents(invoice.total_cents, invoice),
                "paid": _cents(invoice.paid_cents, invoice),
                "due": _cents(invoice.owed_cents, invoice),
            },
        )


def _line(line: InvoiceLine, invoice: Invoice, titles: MeterTitles) -> dict[str, str | int]:
    if line.price_micro is None:
        price = _("not billed") if not line.billable else _("free")
        detail = ""
    else:
        price = price_text(line.price_micro, currency=invoice.currency)
        # A default title is translated; an operator's own passes through as it is.
        detail = _(line.title)
    return {
        "meter": titles.frozen(line.meter_title, meter=line.meter, plugin_id=line.plugin_id),
        "plugin": line.plugin_id,
        "detail": detail,
        "price": price,
        "quantity": quantity_text(line.meter, line.qty),
        "event_count": line.event_count,
        "amount": _cents(line.amount_cents, invoice),
        "exact": micro_text(line.amount_micro, currency=invoice.currency),
    }


def _css_text(text: str) -> str:
    """Write a text for between quotes in CSS: what is no letter or digit by its number."""
    return "".join(one if one.isalnum() else f"\\{ord(one):x} " for one in text)


def _cents(amount_cents: int, invoice: Invoice) -> str:
    return micro_text(amount_cents * MICRO_PER_CENT, currency=invoice.currency, places=2)
