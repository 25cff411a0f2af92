"""The money of a prediction: its usage written down, its reservation closed."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from functools import partial

from modelmill.billing.months import month_start
from modelmill.billing.selectors import access_reservation
from modelmill.billing.services import pricer, reservation_close
from modelmill.core.clock import database_now
from modelmill.inference.models import Prediction
from modelmill.inference.pricing import usage_capped
from modelmill.metering.facts import Usage
from modelmill.metering.sealing import seal_open_from
from modelmill.metering.services import usage_record_many


def usage_settle(prediction: Prediction, *, counts: dict[str, int]) -> tuple[dict[str, int], int]:
    """Charge a prediction's counts, once; return what was used and its price in micro-units.

    Never more than was set aside for it: where prices rose since, what that no longer pays for is
    recorded and not billed. Inside the caller's transaction. A second call charges nothing more:
    the events' ids carry the prediction's.
    """
    used = usage_capped(counts, bound=prediction.usage_bound)
    moment = _charged_at(prediction)
    reservation = access_reservation(prediction.reservation_id)
    left_micro = reservation.amount_micro
    prices = pricer(tenant_id=prediction.tenant_id, at=moment)
    events = []
    for meter, qty in used.items():
        price = partial(prices, meter, prediction.plugin_id)
        paid = qty if price(qty) <= left_micro else _affordable(qty, price, most_micro=left_micro)
        left_micro -= price(paid)
        if paid:
            events.append(_usage(prediction, meter, paid, at=moment))
        if paid < qty:
            events.append(_usage(prediction, meter, qty - paid, at=moment, is_free=True))
    usage_record_many(events, tenant_id=prediction.tenant_id)
    price_micro = reservation.amount_micro - left_micro
    reservation_close(reservation, spent_micro=price_micro)
    return used, price_micro


def reservation_settle(prediction: Prediction, *, spent_micro: int) -> None:
    """Close the prediction's reservation with what was spent; a second call does nothing."""
    reservation_close(access_reservation(prediction.reservation_id), spent_micro=spent_micro)


def _usage(
    prediction: Prediction, meter: str, qty: int, *, at: datetime, is_free: bool = False
) -> Usage:
    name = f"pred:{prediction.id}:{meter}"
    return Usage(
        source="inference",
        event_id=f"{name}:free" if is_free else name,
        meter=meter,
        qty=qty,
        occurred_at=at,
        subject=prediction.id,
        plugin_id=prediction.plugin_id,
        model_id=prediction.model_name,
        api_key_id=prediction.api_key_id,
        billable=not is_free,
        reason="prices_rose" if is_free else "",
    )


def _affordable(qty: int, price: Callable[[int], int], *, most_micro: int) -> int:
    """Return the most of a quantity whose price is no higher."""
    return bisect_right(range(qty + 1), most_micro, key=price) - 1


def _charged_at(prediction: Prediction) -> datetime:
    """Return the moment of both the usage and its price: now, or when it was accepted.

    Prices change where months begin. One under way then keeps the prices its money was set
    aside by, as long as the month it was accepted in is open.
    """
    now, accepted = database_now(), prediction.created_at
    if month_start(accepted) == month_start(now):
        return now
    return accepted if accepted >= seal_open_from(prediction.tenant_id) else now
