"""The billing room's tables."""

from modelmill.billing.models.contracts import (
    BookChange,
    BookGrant,
    Plan,
    Price,
    PriceBook,
    Subscription,
)
from modelmill.billing.models.invoices import Invoice, InvoiceDocument, InvoiceLine, InvoiceSeries
from modelmill.billing.models.money import Balance, JournalEntry, JournalTxn, Reservation

__all__ = [
    "Balance",
    "BookChange",
    "BookGrant",
    "Invoice",
    "InvoiceDocument",
    "InvoiceLine",
    "InvoiceSeries",
    "JournalEntry",
    "JournalTxn",
    "Plan",
    "Price",
    "PriceBook",
    "Reservation",
    "Subscription",
]
