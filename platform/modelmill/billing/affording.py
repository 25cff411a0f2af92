"""Whether a tenant can pay for one more use, as this process knew it half a second ago.

A gate for uses that set nothing aside, so that an empty wallet is noticed; it takes no money. What
must never be overdrawn is reserved: ``reservation_open``.
"""

import time
from dataclasses import dataclass
from threading import Lock
from typing import Final

from django.utils.translation import gettext as _

from modelmill.billing.rating import rate_for
from modelmill.billing.selectors import tenant_rates, wallet_balance
from modelmill.core.errors import QuotaExceeded
from modelmill.core.money import micro_text, round_half_up

_KNOWN_S: Final = 0.5
_KNOWN_MAX: Final = 10_000


@dataclass(frozen=True)
class _Known:
    wallet_micro: int
    price_micro: int
    is_enough: bool
    stale_at_s: float


_known: dict[tuple[str, str], _Known] = {}
_lock = Lock()


def use_afford(*, tenant_id: str, meter: str) -> None:
    """Raise ``QuotaExceeded`` when one use of a priced meter is more than the wallet holds.

    At most three queries each half second. Nobody is turned away by what was remembered: who has
    just paid is let in at once.
    """
    known = _known.get((tenant_id, meter))
    if known is None or not known.is_enough or time.monotonic() > known.stale_at_s:
        known = _read(tenant_id, meter)
    if not known.is_enough:
        overdraft_refuse(held_micro=known.wallet_micro, needed_micro=known.price_micro)


def overdraft_refuse(*, held_micro: int, needed_micro: int) -> None:
    """Raise ``QuotaExceeded`` when a wallet holds less than is needed."""
    if held_micro < needed_micro:
        raise QuotaExceeded(
            _("This needs %(needed)s; your balance is %(held)s. Add money to your balance first.")
            % {"needed": micro_text(needed_micro), "held": micro_text(held_micro)}
        )


def _read(tenant_id: str, meter: str) -> _Known:
    stale_at_s = time.monotonic() + _KNOWN_S
    rate = rate_for(tenant_rates(tenant_id), meter=meter, plugin_id="")
    # Below a micro-unit is not free: what is priced needs a wallet with something in it.
    price_micro = 0 if rate is None else max(1, round_half_up(rate.exact_micro(1)))
    wallet_micro = wallet_balance(tenant_id)
    is_enough = price_micro == 0 or wallet_micro >= price_micro
    known = _Known(wallet_micro, price_micro, is_enough, stale_at_s)
    with _lock:
        if len(_known) >= _KNOWN_MAX:
            _known.clear()
        _known[tenant_id, meter] = known
    return known
