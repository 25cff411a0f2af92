"""A tenant's money: one balance row, the journal that explains it, reservations."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.owned import TenantOwned


def txn_id() -> str:
    """Return a fresh journal transaction id."""
    return new_id("txn")


def reservation_id() -> str:
    """Return a fresh reservation id."""
    return new_id("rsv")


class Account(models.TextChoices):
    """The accounts of one tenant. What the tenant holds is positive, where it came from negative.

    ``unbilled`` is spent and waits for its invoice; ``receivable`` is negative
    by what invoices the tenant still owes.
    """

    WALLET = "wallet"
    RESERVED = "reserved"
    UNBILLED = "unbilled"
    REVENUE = "revenue"
    RECEIVABLE = "receivable"
    PROMOTION = "promotion"
    CASH = "cash"


class Balance(TenantOwned):
    """A tenant's accounts in one row: it sums to zero, and the wallet cannot be overdrawn."""

    wallet_micro = models.BigIntegerField(default=0)
    reserved_micro = models.BigIntegerField(default=0)
    unbilled_micro = models.BigIntegerField(default=0)
    revenue_micro = models.BigIntegerField(default=0)
    receivable_micro = models.BigIntegerField(default=0)
    promotion_micro = models.BigIntegerField(default=0)
    cash_micro = models.BigIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="balance_once"),
            models.CheckConstraint(
                condition=Q(wallet_micro__gte=0, reserved_micro__gte=0, unbilled_micro__gte=0),
                name="balance_not_overdrawn",
            ),
            models.CheckConstraint(
                condition=Q(receivable_micro__lte=0), name="balance_not_overpaid"
            ),
            models.CheckConstraint(
                condition=Q(
                    cash_micro=-F("wallet_micro")
                    - F("reserved_micro")
                    - F("unbilled_micro")
                    - F("revenue_micro")
                    - F("receivable_micro")
                    - F("promotion_micro")
                ),
                name="balance_sums_to_zero",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.wallet_micro}"


class JournalTxn(TenantOwned):
    """One movement of money, made once: its key is unique within the tenant."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=txn_id)
    idempotency_key = models.CharField(max_length=200)
    subject = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="journal_txn_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "idempotency_key"], name="journal_txn_once"),
        ]

    def __str__(self) -> str:
        return self.idempotency_key


class JournalEntry(TenantOwned):
    """An amount taken from one account and put into another: balanced by its form.

    What lowers the receivable names the invoice that it pays.
    """

    txn = models.ForeignKey(JournalTxn, on_delete=models.PROTECT, related_name="entries")
    from_account = models.CharField(max_length=12, choices=Account.choices)
    to_account = models.CharField(max_length=12, choices=Account.choices)
    amount_micro = models.BigIntegerField()
    invoice = models.ForeignKey(
        "billing.Invoice",
        on_delete=models.PROTECT,
        null=True,
        related_name="payments",
        # Nearly no entry has one: the index below is of those that have.
        db_index=False,
    )

    class Meta(TenantOwned.Meta):
        constraints = [
            TenantLink(field="txn", name="journal_entry_txn"),
            TenantLink(field="invoice", name="journal_entry_invoice"),
            models.CheckConstraint(
                condition=Q(amount_micro__gt=0) & ~Q(from_account=F("to_account")),
                name="journal_entry_sane",
            ),
            models.CheckConstraint(
                condition=Q(to_account=Account.RECEIVABLE, invoice__isnull=False)
                | (~Q(to_account=Account.RECEIVABLE) & Q(invoice=None)),
                name="journal_entry_pays",
            ),
        ]
        indexes = [
            models.Index(
                fields=["invoice"],
                condition=Q(invoice__isnull=False),
                name="journal_entry_payment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_account} → {self.to_account} {self.amount_micro}"


class Reservation(TenantOwned):
    """Money set aside before work; closing it spends a part and gives back the rest.

    ``billed_micro`` of it has left already, for the invoices that were closed meanwhile.
    """

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=reservation_id)
    key = models.CharField(max_length=150)
    amount_micro = models.BigIntegerField()
    billed_micro = models.BigIntegerField(default=0)
    spent_micro = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=100, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="reservation_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "key"], name="reservation_once"),
            models.CheckConstraint(
                condition=Q(billed_micro__gte=0, amount_micro__gte=F("billed_micro")),
                name="reservation_sane",
            ),
        ]
        indexes = [
            # Each prediction leaves a closed one behind: the open ones stay few.
            models.Index(fields=["tenant"], condition=Q(closed_at=None), name="reservation_open"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.amount_micro}"
