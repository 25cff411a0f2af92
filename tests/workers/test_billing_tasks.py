"""Billing's tasks: a PDF that says what the invoice says, in both languages; months that end."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from modelmill.billing.closing import invoice_close
from modelmill.billing.documents import document_find
from modelmill.billing.models import Invoice, InvoiceDocument
from modelmill.billing.selectors import access_invoice
from modelmill.billing.services import wallet_top_up
from modelmill.core.models import Blob
from modelmill.core.storage import blob_open
from modelmill.metering.models import UsageEvent, UsagePending
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant

from workers.documents.invoice import invoice_html
from workers.tasks import billing, metering

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def invoice(acme) -> Invoice:
    Tenant.objects.update(created_at=MARCH, name="Acme 面粉厂")
    uses = [("cpu_ms", "gan-faces", 754_321), ("images", "gan-faces", 64)]
    uses += [("tokens_in", "text-generation", 45_120), ("tokens_out", "text-generation", 181_004)]
    uses += [("requests", "", 420), ("byte_hours", "", 3_221_225_472)]
    with acme.scope():
        for meter, plugin_id, qty in uses:
            record(acme, meter=meter, plugin_id=plugin_id, qty=qty)
        record(acme, meter="cpu_ms", plugin_id="gan-faces", qty=12_000, billable=False)
        return invoice_close(tenant_id=acme.tenant.id, end=APRIL)


def record(place, *, meter: str, **more) -> None:
    usage_record(
        tenant_id=place.tenant.id,
        source="test",
        event_id=f"{meter}:{more}",
        meter=meter,
        occurred_at=MARCH + timedelta(days=3),
        **more,
    )


def text_of(document: InvoiceDocument) -> str:
    pypdf = pytest.importorskip("pypdf")
    with blob_open(document.blob) as stream:
        pages = pypdf.PdfReader(BytesIO(stream.read())).pages
    return "\n".join(page.extract_text() for page in pages)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_it_makes_a_document_that_says_what_the_invoice_says(acme, invoice, language) -> None:
    asked = {"tenant_id": acme.tenant.id, "invoice_id": invoice.id, "language": language}
    billing.invoice_document(**asked)
    billing.invoice_document(**asked)
    with acme.scope():
        document = InvoiceDocument.objects.get()
        assert document_find(invoice, language=language) == document
        text = text_of(document)
        assert invoice.full_number in text
        assert "Acme 面粉厂" in text
        assert f"0.{invoice.total_cents:02d} USD" in text
        assert Blob.objects.get().refs == 1


def test_a_document_made_after_a_payment_says_what_was_due_when_it_was_issued(acme) -> None:
    Tenant.objects.update(created_at=MARCH)
    with acme.scope():
        record(acme, meter="images", qty=6_000)
        invoice = invoice_close(tenant_id=acme.tenant.id, end=APRIL)
        assert invoice is not None
        before = invoice_html(access_invoice(invoice.id), language="en")
        wallet_top_up(tenant_id=acme.tenant.id, key="bank-1", amount_micro=5_000_000)
        paid = access_invoice(invoice.id)
        assert (paid.due_cents, paid.payment_state) == (0, "paid")
        assert "2.00 USD" in before
        assert invoice_html(paid, language="en") == before


def test_it_rolls_and_samples(acme, invoice) -> None:
    with acme.scope():
        record(acme, meter="images", qty=2)
    assert metering.roll() == 1
    with acme.scope():
        assert UsagePending.objects.count() == 0
    billing.invoice_document(tenant_id=acme.tenant.id, invoice_id=invoice.id, language="en")
    with acme.scope():
        Blob.objects.update(size_bytes=1 << 30)
    assert metering.sample_storage() == 1
    assert metering.sample_storage() == 0
    with acme.scope():
        assert UsageEvent.objects.get(source="storage").qty == (1 << 30) * 300 // 3600


def test_it_closes_a_month_that_is_over(acme, invoice) -> None:
    with acme.scope():
        record(acme, meter="images", qty=2)
    may = datetime(2026, 5, 1, tzinfo=UTC).isoformat()
    for _ in range(2):
        billing.close(tenant_id=acme.tenant.id, end=may)
    with acme.scope():
        assert Invoice.objects.count() == 2
