"""Money before and after work: quotes, reservations, top-ups. Whole micro-units only."""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from modelmill.billing.affording import overdraft_refuse
from modelmill.billing.books import book_rates
from modelmill.billing.dues import dues_moves
from modelmill.billing.journal import Move, balance_lock, journal_post
from modelmill.billing.models import Balance, JournalEntry, Reservation
from modelmill.billing.models.money import Account
from modelmill.billing.pinning import book_times
from modelmill.billing.rating import line_rate
from modelmill.billing.subscriptions import subscription_ensure, subscription_for
from modelmill.core.errors import Conflict
from modelmill.core.killpoints import killpoint
from modelmill.core.money import micro_text

__all__ = [
    "pricer",
    "quote_micro",
    "reservation_close",
    "reservation_grow",
    "reservation_open",
    "subscription_ensure",
    "wallet_top_up",
]


def quote_micro(
    *, tenant_id: str, usages: Iterable[tuple[str, str, int]], at: datetime | None = None
) -> int:
    """Return what (meter, plugin id, quantity) triples cost; without a price, 0.

    By the book that holds ``at`` a moment, else now. Who records the usage as well gives both
    one moment, or the clock may pass a change of prices between them.
    """
    price = pricer(tenant_id=tenant_id, at=at)
    return sum(price(meter, plugin_id, qty) for meter, plugin_id, qty in usages)


def pricer(*, tenant_id: str, at: datetime | None = None) -> Callable[[str, str, int], int]:
    """Return what prices a quantity of a meter and a plugin's id as ``quote_micro`` does."""
    times = book_times(tenant_id)
    rates = book_rates((times.book_at(at) if at else times.book_now()).pk)

    def price(meter: str, plugin_id: str, qty: int) -> int:
        return line_rate(rates, meter=meter, plugin_id=plugin_id, qty=qty).amount_micro

    return price


def reservation_open(
    *, tenant_id: str, key: str, amount_micro: int, subject: str = ""
) -> Reservation:
    """Set money aside before work, once per ``key``; a second call returns the first's.

    Raises ``QuotaExceeded`` when the wallet does not hold the amount. However
    many ask at once, their reservations never exceed what there was.
    """
    _refuse_negative(amount_micro)
    subscription_for(tenant_id)
    with transaction.atomic():
        balance = balance_lock(tenant_id)
        held = Reservation.objects.filter(tenant_id=tenant_id, key=key).first()
        if held is not None:
            return held
        _refuse_overdraft(balance, amount_micro)
        reservation = Reservation.objects.create(
            tenant_id=tenant_id, key=key, amount_micro=amount_micro, subject=subject
        )
        killpoint("reserve.before_journal")
        journal_post(
            balance,
            key=f"{reservation.id}:open",
            moves=[Move(Account.WALLET, Account.RESERVED, amount_micro)],
            subject=subject,
        )
    return reservation


def reservation_grow(reservation: Reservation, *, amount_micro: int) -> Reservation:
    """Raise a reservation to at least this amount, before the next slice of work.

    Raises ``QuotaExceeded`` and leaves it as it was when the wallet does not
    hold the difference, ``Conflict`` when it is closed already.
    """
    with transaction.atomic():
        balance = balance_lock(reservation.tenant_id)
        reservation.refresh_from_db()
        more_micro = amount_micro - reservation.amount_micro
        if more_micro <= 0:
            return reservation
        if reservation.closed_at is not None:
            raise Conflict("This reservation is closed.")
        _refuse_overdraft(balance, more_micro)
        reservation.amount_micro = amount_micro
        reservation.save(update_fields=["amount_micro"])
        journal_post(
            balance,
            key=f"{reservation.id}:grow:{amount_micro}",
            moves=[Move(Account.WALLET, Account.RESERVED, more_micro)],
            subject=reservation.subject,
        )
    return reservation


def reservation_close(reservation: Reservation, *, spent_micro: int) -> Reservation:
    """Spend a part of a reservation and give back the rest, once.

    Spending more than was reserved takes the difference from the wallet as far
    as it reaches; what it cannot cover becomes due on the invoice. What comes back
    pays what is due on closed invoices first. A second call changes nothing,
    whatever it says.
    """
    _refuse_negative(spent_micro)
    with transaction.atomic():
        balance = balance_lock(reservation.tenant_id)
        reservation.refresh_from_db()
        if reservation.closed_at is not None:
            return reservation
        amount_micro = reservation.amount_micro
        # What invoices have taken of it already is spent, whatever the work cost in the end.
        covered = max(min(spent_micro, amount_micro), reservation.billed_micro)
        beyond = min(max(0, spent_micro - covered), balance.wallet_micro)
        wallet_micro = balance.wallet_micro + amount_micro - covered - beyond
        reservation.spent_micro, reservation.closed_at = spent_micro, timezone.now()
        reservation.save(update_fields=["spent_micro", "closed_at"])
        killpoint("settle.before_journal")
        journal_post(
            balance,
            key=f"{reservation.id}:close",
            moves=[
                Move(Account.RESERVED, Account.UNBILLED, covered - reservation.billed_micro),
                Move(Account.RESERVED, Account.WALLET, amount_micro - covered),
                Move(Account.WALLET, Account.UNBILLED, beyond),
                *dues_moves(balance, wallet_micro=wallet_micro),
            ],
            subject=reservation.subject,
        )
    return reservation


def wallet_top_up(*, tenant_id: str, key: str, amount_micro: int, subject: str = "") -> Balance:
    """Put money that was paid into the wallet, once per ``key``.

    It pays what closed invoices still ask for first, the oldest before the others: one
    transaction of the journal. Raises ``Conflict`` for a key that came with another amount before.
    """
    _refuse_negative(amount_micro)
    subscription_for(tenant_id)
    key = f"top-up:{key}"
    with transaction.atomic():
        balance = balance_lock(tenant_id)
        booked = JournalEntry.objects.filter(txn__idempotency_key=key, tenant_id=tenant_id)
        earlier = booked.filter(from_account=Account.CASH).first()
        if earlier is not None and earlier.amount_micro != amount_micro:
            raise Conflict(
                _("This payment was booked already, with %(amount)s.")
                % {"amount": micro_text(earlier.amount_micro)},
                code="payment_booked",
            )
        journal_post(
            balance,
            key=key,
            moves=[
                Move(Account.CASH, Account.WALLET, amount_micro),
                *dues_moves(balance, wallet_micro=balance.wallet_micro + amount_micro),
            ],
            subject=subject,
        )
    return balance


def _refuse_negative(amount_micro: int) -> None:
    if type(amount_micro) is not int or amount_micro < 0:
        raise ValueError(f"Money is a whole number of micro-units, not {amount_micro!r}.")


def _refuse_overdraft(balance: Balance, amount_micro: int) -> None:
    overdraft_refuse(held_micro=balance.wallet_micro, needed_micro=amount_micro)
