"""What closed invoices still ask for, and paying it from money that comes in."""

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from modelmill.billing.journal import Move
from modelmill.billing.models import Balance, Invoice, JournalEntry
from modelmill.billing.models.money import Account
from modelmill.core.money import MICRO_PER_CENT


def with_payments(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Return the invoices with what was paid since they were closed: ``settled_micro``."""
    return invoices.annotate(settled_micro=_settled_micro())


def invoice_payments(invoice: Invoice) -> QuerySet[JournalEntry]:
    """Return what was paid of an invoice after it was closed, the first payment first."""
    return invoice.payments.select_related("txn").order_by("id")


def dues_moves(balance: Balance, *, wallet_micro: int) -> list[Move]:
    """Return the moves by which a wallet that holds this much pays what is due, the oldest first.

    In whole cents, as invoices are. ``balance`` is locked; every movement of money into the
    wallet is followed by these in its own transaction, so that a wallet with a cent in it owes
    nothing. No query while nothing is due.
    """
    moves: list[Move] = []
    left_cents = wallet_micro // MICRO_PER_CENT
    for invoice in _unpaid() if balance.receivable_micro and left_cents else ():
        part_cents = min(invoice.due_cents, left_cents)
        left_cents -= part_cents
        part_micro = part_cents * MICRO_PER_CENT
        moves.append(Move(Account.WALLET, Account.RECEIVABLE, part_micro, invoice_id=invoice.id))
    return moves


def _unpaid() -> QuerySet[Invoice]:
    owed_micro = (F("total_cents") - F("paid_cents")) * MICRO_PER_CENT
    owing = Invoice.objects.filter(total_cents__gt=F("paid_cents"))
    read = owing.annotate(owed_micro=owed_micro, settled_micro=_settled_micro())
    return read.filter(settled_micro__lt=F("owed_micro")).order_by("period_end", "id")


def _settled_micro() -> Coalesce:
    paid = (
        JournalEntry.objects.filter(invoice=OuterRef("pk"))
        .order_by()
        .values("invoice")
        .annotate(sum=Sum("amount_micro"))
    )
    return Coalesce(Subquery(paid.values("sum")), 0)
