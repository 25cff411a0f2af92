"""Billing's work behind the scenes: months that end, and invoices on paper."""

from datetime import datetime

from celery import shared_task
from modelmill.billing.closing import invoices_close, invoices_due
from modelmill.billing.documents import document_store
from modelmill.billing.selectors import access_invoice
from modelmill.core.clock import database_now
from modelmill.core.doorbell import ring
from modelmill.core.scope import tenant_scope

from workers.documents.invoice import invoice_pdf

EVERY_S = {"workers.tasks.billing.close_due": 300.0}


@shared_task(name="workers.tasks.billing.close_due")
def close_due() -> int:
    """Ask for every month that is over to be closed, each in a task of its own."""
    return sum(
        ring("workers.tasks.billing.close", {"tenant_id": tenant_id, "end": end.isoformat()})
        for tenant_id, end in invoices_due(database_now())
    )


@shared_task(name="workers.tasks.billing.close")
def close(*, tenant_id: str, end: str) -> None:
    """Close one tenant's period; a second time changes nothing."""
    with tenant_scope(tenant_id):
        invoices_close(tenant_id=tenant_id, end=datetime.fromisoformat(end))


@shared_task(name="workers.tasks.billing.invoice_document")
def invoice_document(*, tenant_id: str, invoice_id: str, language: str) -> None:
    """Make an invoice's PDF in a language, unless it is there."""
    with tenant_scope(tenant_id):
        invoice = access_invoice(invoice_id)
        if not invoice.documents.filter(language=language).exists():
            content = invoice_pdf(invoice, language=language)
            document_store(invoice, language=language, content=content)
