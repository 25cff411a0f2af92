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
from modelmill.billing.pinning import book_times
from modelmill.billing.rating import rate_for
from modelmill.core.errors import QuotaExceeded
from modelmill.core.money import micro_text, round_half_up
from modelmill.metering.selectors import usage_totals

_KNOWN_S: Final = 0.5
# Counts are in the ledger a second or two later: to ask more often would tell little.
_COUNTED_S: Final = 2.0
_KNOWN_MAX: Final = 10_000


K = TypeVar("K")


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
    """How many uses are in no invoice yet; within a period that only grows."""

    qty: int
    period_start: datetime
    stale_at_s: float


_known: dict[tuple[str, str], _Known] = {}
_counted: dict[tuple[str, str], _Counted] = {}
_lock = Lock()


def use_afford(*, tenant_id: str, meter: str) -> None:
    """Raise ``QuotaExceeded`` when the wallet does not hold one more use of a priced meter.

    Nor those that no invoice has yet; in the tenant's scope. Two queries each half second, and a
    third each two seconds. Nobody is turned away by what is not true any more: who has just
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
    qty = _unbilled(tenant_id, meter, period_start=times.subscription.period_start) + 1
    # Below a micro-unit is not free: what is priced needs a wallet with something in it.
    needed_micro = max(1, round_half_up(rate.exact_micro(qty)))
    return _keep(_known, (tenant_id, meter), _Known(wallet_micro, needed_micro, stale_at_s))


def _unbilled(tenant_id: str, meter: str, *, period_start: datetime) -> int:
    """Return how many uses the ledger has that are in no invoice."""
    now_s = time.monotonic()
    counted = _counted.get((tenant_id, meter))
    if counted and counted.period_start == period_start and now_s <= counted.stale_at_s:
        return counted.qty
    totals = usage_totals(
        start=period_start,
        # Whole hours are summed from the rollups, so we ask for those that have not ended, too.
        end=max(period_start, timezone.now()) + timedelta(days=1),
        group_by=("billable",),
        where=Q(meter=meter, billable=True),
    )
    qty = sum(total.qty for total in totals)
    _keep(_counted, (tenant_id, meter), _Counted(qty, period_start, now_s + _COUNTED_S))
    return qty


def _keep(memory: dict[tuple[str, str], K], key: tuple[str, str], value: K) -> K:
    with _lock:
        if len(memory) >= _KNOWN_MAX:
            memory.clear()
        memory[key] = value
    return value
