"""Invoices: numbered without a gap, and frozen from the moment they have their number."""

from functools import cached_property

from django.db import models
from django.db.models import Sum

from modelmill.billing.models.contracts import PriceBook, Subscription
from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.models import Blob
from modelmill.core.money import MICRO_PER_CENT
from modelmill.core.owned import TenantOwned
from modelmill.metering.models import METER_MAX_LENGTH, PLUGIN_ID_MAX_LENGTH


def invoice_id() -> str:
    """Return a fresh invoice id."""
    return new_id("inv")


def invoice_line_id() -> str:
    """Return a fresh invoice line id."""
    return new_id("line")


class InvoiceSeries(models.Model):
    """The last number given in a series; locked while the next one is given."""

    name = models.CharField(primary_key=True, max_length=20)
    last_number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.last_number}"


class Invoice(TenantOwned):
    """What one period costs. ``period_end`` is excluded; amounts are rounded once, to cents.

    ``paid_cents`` came out of the tenant's balance at closing. What was paid since is in
    the journal, so that a final invoice need not change.
    """

    class State(models.TextChoices):
        """An invoice is a draft only inside the transaction that makes it."""

        DRAFT = "draft"
        FINALIZED = "finalized"

    class Kind(models.TextChoices):
        """What an invoice is about."""

        USAGE = "usage"

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=invoice_id)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.USAGE)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    series = models.ForeignKey(InvoiceSeries, on_delete=models.PROTECT, null=True, related_name="+")
    number = models.PositiveIntegerField(null=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    currency = models.CharField(max_length=3)
    tenant_name = models.CharField(max_length=100)
    # Who sells and who buys, as they were when it was closed.
    seller_name = models.CharField(max_length=200, blank=True)
    seller_address = models.CharField(max_length=500, blank=True)
    seller_tax_number = models.CharField(max_length=50, blank=True)
    buyer_name = models.CharField(max_length=200, blank=True)
    buyer_address = models.CharField(max_length=500, blank=True)
    buyer_tax_number = models.CharField(max_length=50, blank=True)
    subtotal_micro = models.BigIntegerField(default=0)
    total_cents = models.BigIntegerField(default=0)
    paid_cents = models.BigIntegerField(default=0)
    lines_sha256 = models.CharField(max_length=64, blank=True)
    finalized_at = models.DateTimeField(null=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            TenantLink(field="subscription", name="invoice_subscription"),
            models.UniqueConstraint(fields=["tenant", "id"], name="invoice_tenant_id"),
            models.UniqueConstraint(
                fields=["subscription", "period_start", "kind"], name="invoice_period_once"
            ),
            models.UniqueConstraint(fields=["series", "number"], name="invoice_number_once"),
            models.CheckConstraint(
                condition=models.Q(period_end__gt=models.F("period_start")),
                name="invoice_period_sane",
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft")
                | models.Q(number__isnull=False, finalized_at__isnull=False),
                name="invoice_final_has_number",
            ),
        ]

    def __str__(self) -> str:
        return self.full_number

    @property
    def full_number(self) -> str:
        """The number people read: ``2026-000017``."""
        return f"{self.series_id}-{self.number:06d}" if self.number is not None else ""

    @property
    def owed_cents(self) -> int:
        """What was left to pay when it was closed."""
        return self.total_cents - self.paid_cents

    @cached_property
    def settled_cents(self) -> int:
        """What was paid since. One query, unless ``with_payments`` has read it already."""
        read_micro: int | None = getattr(self, "settled_micro", None)
        if read_micro is None:
            read_micro = self.payments.aggregate(sum=Sum("amount_micro"))["sum"]
        return (read_micro or 0) // MICRO_PER_CENT

    @property
    def due_cents(self) -> int:
        """What the tenant still has to pay."""
        return self.owed_cents - self.settled_cents

    @property
    def payment_state(self) -> str:
        """``open`` while anything of it is due, then ``paid``."""
        return "open" if self.due_cents else "paid"


class InvoiceLine(TenantOwned):
    """All of a period's use of one meter and plugin, billable or not.

    ``amount_micro`` is rounded once from the exact product; ``amount_cents`` is
    what the document shows, and sums to the invoice's total. A line without a
    price (``price_per`` is None) is free.
    """

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=invoice_line_id)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    meter = models.CharField(max_length=METER_MAX_LENGTH)
    # As the plugin named it when the invoice was closed; "" where only the code is known.
    meter_title = models.CharField(max_length=200, blank=True)
    plugin_id = models.CharField(max_length=PLUGIN_ID_MAX_LENGTH, blank=True)
    billable = models.BooleanField()
    title = models.CharField(max_length=100)
    qty = models.BigIntegerField()
    event_count = models.BigIntegerField()
    price_micro = models.BigIntegerField(null=True)
    price_per = models.BigIntegerField(null=True)
    amount_micro = models.BigIntegerField()
    amount_cents = models.BigIntegerField()

    class Meta(TenantOwned.Meta):
        constraints = [
            TenantLink(field="invoice", name="invoice_line_invoice"),
            models.UniqueConstraint(fields=["tenant", "id"], name="invoice_line_tenant_id"),
            models.UniqueConstraint(
                fields=["invoice", "meter", "plugin_id", "billable"], name="invoice_line_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} × {self.qty}"


class InvoiceDocument(TenantOwned):
    """An invoice as a PDF in one language; made once, after the invoice."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="documents")
    language = models.CharField(max_length=12)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            TenantLink(field="invoice", name="invoice_document_invoice"),
            TenantLink(field="blob", name="invoice_document_blob"),
            models.UniqueConstraint(fields=["invoice", "language"], name="invoice_document_once"),
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.language}"
