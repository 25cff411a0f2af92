"""API requests as something that is metered, and sold where the operator has given them a price."""

from typing import Final

from django.conf import settings

from modelmill.billing.affording import use_afford
from modelmill.metering.counting import usage_count
from modelmill.tenants.callers import Caller

METER: Final = "api_requests"


def request_afford(caller: Caller) -> None:
    """Raise ``QuotaExceeded`` when a program's request costs more than its tenant has."""
    if settings.API_REQUESTS_METERED and caller.api_key_id:
        use_afford(tenant_id=caller.tenant.id, meter=METER)


def request_count(caller: Caller) -> None:
    """Count a program's request that is about to be answered."""
    if settings.API_REQUESTS_METERED and caller.api_key_id:
        usage_count(tenant_id=caller.tenant.id, meter=METER, api_key_id=caller.api_key_id)
