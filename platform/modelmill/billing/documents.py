"""An invoice's PDF: ordered here, made by a worker, kept as stored bytes."""

from django.db import transaction

from modelmill.billing.models import Invoice, InvoiceDocument
from modelmill.core.killpoints import killpoint
from modelmill.core.outbox import outbox_add
from modelmill.core.storage import blob_release, blob_write


def document_request(invoice: Invoice, *, language: str) -> None:
    """Order the PDF in a language; ordering it again changes nothing."""
    outbox_add(
        "workers.tasks.billing.invoice_document",
        key=f"invoice-document:{invoice.id}:{language}",
        payload={
            "tenant_id": invoice.tenant_id,
            "invoice_id": invoice.id,
            "language": language,
        },
    )


def document_find(invoice: Invoice, *, language: str) -> InvoiceDocument | None:
    """Return the PDF in a language if it is made; else order it and return None."""
    found = invoice.documents.select_related("blob").filter(language=language).first()
    if found is None:
        document_request(invoice, language=language)
    return found


def document_store(invoice: Invoice, *, language: str, content: bytes) -> InvoiceDocument:
    """Keep the PDF that was made; the first one stays."""
    killpoint("document.rendered")
    blob = blob_write([content], media_type="application/pdf")
    killpoint("document.stored")
    with transaction.atomic():
        document, is_new = InvoiceDocument.objects.get_or_create(
            tenant_id=invoice.tenant_id,
            invoice=invoice,
            language=language,
            defaults={"blob": blob},
        )
        if not is_new:
            blob_release(blob)
    return document
