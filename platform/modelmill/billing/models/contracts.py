"""What a tenant agreed to: price books, plans, subscriptions."""

from django.db import models
from django.utils import timezone

from modelmill.core.ids import ID_MAX_LENGTH, new_id
from modelmill.core.links import TenantLink
from modelmill.core.owned import TenantOwned
from modelmill.metering.models import METER_MAX_LENGTH, PLUGIN_ID_MAX_LENGTH


def book_id() -> str:
    """Return a fresh price book id."""
    return new_id("book")


def subscription_id() -> str:
    """Return a fresh subscription id."""
    return new_id("sub")


class PriceBook(models.Model):
    """Prices that never change; new prices are a new book with a later ``effective_from``."""

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=book_id)
    currency = models.CharField(max_length=3, default="USD")
    effective_from = models.DateTimeField()
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.id} from {self.effective_from:%Y-%m-%d}"


class Price(models.Model):
    """``amount_micro`` for every ``per`` units of a meter; ``plugin_id`` "" is for any plugin.

    ``title`` says the ``per`` in words: "per hour".
    """

    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="prices")
    meter = models.CharField(max_length=METER_MAX_LENGTH)
    plugin_id = models.CharField(max_length=PLUGIN_ID_MAX_LENGTH, blank=True)
    amount_micro = models.BigIntegerField()
    per = models.BigIntegerField(default=1)
    title = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "meter", "plugin_id"], name="price_once"),
            models.CheckConstraint(
                condition=models.Q(per__gt=0, amount_micro__gte=0), name="price_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.amount_micro}/{self.per}"


class Plan(models.Model):
    """An offer: what a new subscription starts with, and how its trainings are served.

    Tenants of a higher ``tier`` are served before all of a lower one; within a tier
    one with twice the ``share`` has twice the device time while both wait. ``at_once``
    is how many jobs of one tenant train at the same time.
    """

    code = models.CharField(primary_key=True, max_length=40)
    title = models.CharField(max_length=100)
    welcome_micro = models.BigIntegerField(default=0)
    tier = models.SmallIntegerField(default=0)
    share = models.PositiveIntegerField(default=1)
    at_once = models.PositiveIntegerField(default=4)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(share__gte=1, at_once__gte=1), name="plan_sane"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Subscription(TenantOwned):
    """A tenant's contract. It keeps its price book, whatever is published later.

    Until the operator gives it another one from a month's beginning: those are its
    ``BookChange`` rows, and ``has_changes`` says whether there are any.
    ``period_start`` is where the open billing period begins; closed periods are
    the invoices', each beginning where the one before ended.
    """

    id = models.CharField(primary_key=True, max_length=ID_MAX_LENGTH, default=subscription_id)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="+")
    has_changes = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    period_start = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="subscription_tenant_id"),
            models.UniqueConstraint(fields=["tenant"], name="subscription_once"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} on {self.plan_id}"


class BookChange(TenantOwned):
    """From ``starts_at`` on, the beginning of a month in UTC, a subscription has this book."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="changes")
    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantOwned.Meta):
        constraints = [
            TenantLink(field="subscription", name="book_change_subscription"),
            models.UniqueConstraint(fields=["subscription", "starts_at"], name="book_change_once"),
        ]

    def __str__(self) -> str:
        return f"{self.book_id} from {self.starts_at:%Y-%m-%d}"


class BookGrant(models.Model):
    """From ``starts_at`` on, a month's beginning in UTC, every organisation was given this book.

    It is for those who sign up until then; the others have ``BookChange`` rows of their own. Who
    signs up under a book that held only after the gift, and after this one, keeps that.
    """

    book = models.ForeignKey(PriceBook, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField(unique=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.book_id} for all from {self.starts_at:%Y-%m-%d}"
