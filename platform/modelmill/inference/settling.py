"""The money of a prediction: its usage written down, its reservation closed."""

from datetime import datetime

from modelmill.billing.months import month_start
from modelmill.billing.selectors import access_reservation
from modelmill.billing.services import quote_micro, reservation_close
from modelmill.core.clock import database_now
from modelmill.inference.models import Prediction
from modelmill.inference.pricing import usage_capped
from modelmill.metering.facts import Usage
from modelmill.metering.sealing import seal_open_from
from modelmill.metering.services import usage_record_many


def usage_settle(prediction: Prediction, *, counts: dict[str, int]) -> tuple[dict[str, int], int]:
    """Charge a prediction's counts, once; return what was charged and its price in micro-units.

    Never more than was set aside for it. Inside the caller's transaction. A second call charges
    nothing more: the events' ids carry the prediction's.
    """
    charged = usage_capped(counts, bound=prediction.usage_bound)
    moment = _charged_at(prediction)
    events = [
        Usage(
            source="inference",
            event_id=f"pred:{prediction.id}:{meter}",
            meter=meter,
            qty=qty,
            occurred_at=moment,
            subject=prediction.id,
            plugin_id=prediction.plugin_id,
            model_id=prediction.model_name,
            api_key_id=prediction.api_key_id,
        )
        for meter, qty in charged.items()
    ]
    usage_record_many(events, tenant_id=prediction.tenant_id)
    usages = [(meter, prediction.plugin_id, qty) for meter, qty in charged.items()]
    quoted_micro = quote_micro(tenant_id=prediction.tenant_id, usages=usages, at=moment)
    reservation = access_reservation(prediction.reservation_id)
    # The month it was accepted in may be closed, and the prices higher by now.
    price_micro = min(quoted_micro, reservation.amount_micro)
    reservation_close(reservation, spent_micro=price_micro)
    return charged, price_micro


def reservation_settle(prediction: Prediction, *, spent_micro: int) -> None:
    """Close the prediction's reservation with what was spent; a second call does nothing."""
    reservation_close(access_reservation(prediction.reservation_id), spent_micro=spent_micro)


def _charged_at(prediction: Prediction) -> datetime:
    """Return the moment of both the usage and its price: now, or when it was accepted.

    Prices change where months begin. One under way then keeps the prices its money was set
    aside by, as long as the month it was accepted in is open.
    """
    now, accepted = database_now(), prediction.created_at
    if month_start(accepted) == month_start(now):
        return now
    return accepted if accepted >= seal_open_from(prediction.tenant_id) else now
