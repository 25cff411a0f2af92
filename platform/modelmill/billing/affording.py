"""Whether a tenant can pay for one more use, as this process knew it half a second ago.

A gate for uses that set nothing aside; it takes no money. They leave the wallet when the invoice
closes, so until then the wallet must hold what all of them cost. What must never be overdrawn
is reserved: ``reservation_open``.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, TypeVar

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from modelmill.billing.books import book_rates
from modelmill.billing.models import Balance
from modelmill.billing.payment_texts import with_payment_text
from modelmill.billing.pinning import BookTimes, book_times
from modelmill.billing.rating import rate_for
from modelmill.core.errors import QuotaExceeded
from modelmill.core.money import micro_text, round_half_up
from modelmill.metering.selectors import usage_totals

_KNOWN_S: Final = 0.5
# Counts are in the ledger a second or two later: to ask more often would tell little.
_COUNTED_S: Final = 2.0
# What ended a day ago only grows by files that were drained late; so a month is not summed anew.
_OLDER_S: Final = 600.0
_OLDER: Final = timedelta(days=1)
_KNOWN_MAX: Final = 10_000

Key = TypeVar("Key")
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class _Known:
    wallet_micro: int
    needed_micro: int
    stale_at_s: float

    @property
    def is_enough(self) -> bool:
        return self.wallet_micro >= self.needed_micro


@dataclass(frozen=True)
class _Counted:
    """How many uses are in no invoice yet, by price book; within a period that only grows."""

    by_book: tuple[tuple[str, int], ...]
    period_start: datetime
    stale_at_s: float


@dataclass(frozen=True)
class _Older:
    """How many there were in hours that ended a day ago or more."""

    qty: int
    stale_at_s: float


_known: dict[tuple[str, str], _Known] = {}
_counted: dict[tuple[str, str], _Counted] = {}
_older: dict[tuple[str, str, datetime, datetime], _Older] = {}
_lock = Lock()


def use_afford(*, tenant_id: str, meter: str) -> None:
    """Raise ``QuotaExceeded`` when the wallet does not hold one more use of a priced meter.

    Nor those that no invoice has yet, each at the price of its own time; in the tenant's scope. Two
    queries each half second, a third each two seconds, over a day's hours, and one each ten minutes
    over the period's. Nobody is turned away by what is not true any more: who has just
    paid is let in at once.
    """
    known = _known.get((tenant_id, meter))
    if known is None or not known.is_enough or time.monotonic() > known.stale_at_s:
        known = _read(tenant_id, meter)
    if not known.is_enough:
        raise QuotaExceeded(
            with_payment_text(
                _(
                    "With your requests since the last invoice this needs %(needed)s; your "
                    "balance is %(held)s. Add money to your balance first."
                )
                % {"needed": micro_text(known.needed_micro), "held": micro_text(known.wallet_micro)}
            )
        )


def overdraft_refuse(*, held_micro: int, needed_micro: int) -> None:
    """Raise ``QuotaExceeded`` when a wallet holds less than is needed."""
    if held_micro < needed_micro:
        raise QuotaExceeded(
            with_payment_text(
                _(
                    "This needs %(needed)s; your balance is %(held)s. Add money to your balance "
                    "first."
                )
                % {"needed": micro_text(needed_micro), "held": micro_text(held_micro)}
            )
        )


def _read(tenant_id: str, meter: str) -> _Known:
    stale_at_s = time.monotonic() + _KNOWN_S
    times = book_times(tenant_id)
    rate = rate_for(book_rates(times.book_now().pk), meter=meter, plugin_id="")
    if rate is None or not rate.amount_micro:
        return _keep(_known, (tenant_id, meter), _Known(0, 0, stale_at_s))
    wallet_micro = Balance.objects.values_list("wallet_micro", flat=True).get(tenant_id=tenant_id)
    exact_micro = rate.exact_micro(1)
    for book_id, qty in _unbilled(tenant_id, meter, times):
        then = rate_for(book_rates(book_id), meter=meter, plugin_id="")
        exact_micro += then.exact_micro(qty) if then else 0
    # Below a micro-unit is not free: what is priced needs a wallet with something in it.
    needed_micro = max(1, round_half_up(exact_micro))
    return _keep(_known, (tenant_id, meter), _Known(wallet_micro, needed_micro, stale_at_s))


def _unbilled(tenant_id: str, meter: str, times: BookTimes) -> tuple[tuple[str, int], ...]:
    """Return how many uses the ledger has that are in no invoice, by the book that they cost by."""
    now_s, period_start = time.monotonic(), times.subscription.period_start
    counted = _counted.get((tenant_id, meter))
    if counted and counted.period_start == period_start and now_s <= counted.stale_at_s:
        return counted.by_book
    # Whole hours are summed from the rollups, so we ask for those that have not ended, too.
    end = max(period_start, timezone.now()) + timedelta(days=1)
    by_book = tuple(
        (book_id, _used(tenant_id, meter, start=start or period_start, end=until or end))
        for start, until, book_id in times.parts(start=period_start, end=end)
    )
    _keep(_counted, (tenant_id, meter), _Counted(by_book, period_start, now_s + _COUNTED_S))
    return by_book


def _used(tenant_id: str, meter: str, *, start: datetime, end: datetime) -> int:
    """Count what was used in ``[start, end)``; what is long over from memory."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    over = min(end, today - _OLDER)
    if over <= start:
        return _sum(meter, start=start, end=end)
    key, now_s = (tenant_id, meter, start, over), time.monotonic()
    older = _older.get(key)
    if older is None or now_s > older.stale_at_s:
        qty = _sum(meter, start=start, end=over)
        older = _keep(_older, key, _Older(qty, now_s + _OLDER_S))
    return older.qty + (_sum(meter, start=over, end=end) if over < end else 0)


def _sum(meter: str, *, start: datetime, end: datetime) -> int:
    where = Q(meter=meter, billable=True)
    totals = usage_totals(start=start, end=end, group_by=("billable",), where=where)
    return sum(total.qty for total in totals)


def _keep(memory: dict[Key, Kept], key: Key, value: Kept) -> Kept:
    with _lock:
        if len(memory) >= _KNOWN_MAX:
            memory.clear()
        memory[key] = value
    return value
