"""Jobs of organisations that the operator has suspended: what trains is asked to pause.

What waits goes on waiting, because no claim finds its lane; no trial of a search is begun. Once the
organisation may work again, its members resume what was paused.
"""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from modelmill.core.rows_apart import row_apart
from modelmill.core.scope import system_scope
from modelmill.tenants.models import Tenant
from modelmill.tenants.services import tenant_voice
from modelmill.training.models import Job
from modelmill.training.sayings import Said
from modelmill.training.services.events import event_say
from modelmill.training.states import Desired, EarlyEnd, State

# As when its owner pauses it: of two wishes the younger counts.
_PAUSE: Final[dict[str, Any]] = {
    "desired_state": Desired.PAUSE,
    "early_end": "",
    "finish_asked_at": None,
}


def jobs_suspend() -> int:
    """Ask the running jobs of suspended tenants to pause; return how many. Safe to repeat."""
    with system_scope("the operator's word is for all of a tenant's jobs"):
        rows = Job.objects.filter(_trains_on(), tenant__state=Tenant.State.SUSPENDED)
        found = list(rows.order_by("id").values_list("id", "tenant_id"))
    asked = 0
    for job_id, tenant_id in found:
        with row_apart("job_not_suspended", job=job_id):
            asked += _ask(job_id, tenant_id=tenant_id)
    return asked


def _trains_on() -> Q:
    """Say which jobs run and will go on: one that is being finished is left a moment for it.

    Not longer, as a release that cannot finish early trains on. What is at its cost limit, or
    makes a model of a checkpoint, is at its end.
    """
    late = Now() - timedelta(seconds=settings.FINISH_WITHIN_S)
    finishes = Q(desired_state=Desired.FINISH, early_end=EarlyEnd.ASKED)
    goes_on = Q(desired_state__in=(Desired.RUN, Desired.YIELD))
    return Q(state=State.RUNNING) & (goes_on | (finishes & Q(finish_asked_at__lt=late)))


def _ask(job_id: str, *, tenant_id: str) -> bool:
    with tenant_voice(tenant_id), transaction.atomic():
        asked = Job.objects.filter(_trains_on(), pk=job_id).update(**_PAUSE)
        if asked:
            event_say(Said.SUSPENDED, job_id=job_id, tenant_id=tenant_id, level="warn")
    return bool(asked)
