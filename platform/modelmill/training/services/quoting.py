"""What a whole training will cost, told as soon as its own first steps tell it.

The quote stays beside what the training has cost in the end, so that anyone sees how good it was.
A job that was asked for with ``quote_first`` makes those steps unbilled, stops, and waits for a
word. See docs/decisions/0069-the-first-steps-are-the-quote.md.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from modelmill.core.clock import database_now
from modelmill.core.errors import QuotaExceeded
from modelmill.core.money import amount_text
from modelmill.metering.selectors import qty_unbilled
from modelmill.training.models import Job
from modelmill.training.pace import Pace
from modelmill.training.sayings import Said
from modelmill.training.services.events import event_say
from modelmill.training.services.money import price_micro
from modelmill.training.states import ENDED, State

# Why a slice of free steps is not billed, as its usage says.
REASON = "quote"
# Fewer say little: the first ones warm caches up.
_STEPS = 20
# Of a short training so many would be most of it.
_STEPS_SHARE = 10
_DAY = timedelta(days=1)


def quote_is_due(pace: Pace, *, total_steps: int) -> bool:
    """Say whether enough steps were timed to tell what the whole will take."""
    enough = max(2, min(_STEPS, total_steps // _STEPS_SHARE))
    # A pace begins behind the first step.
    return total_steps > 0 and pace.steps + 1 >= enough


def quote_keep(job: Job, pace: Pace) -> None:
    """Note once what the whole is expected to cost, in the transaction that proves its steps.

    What was billed so far, and the steps left at the pace of those that were timed. One that waits
    for a word begins a second time. A training that ends early costs less; what it measures and
    stores at its end comes on top.
    """
    if job.quote_step is None and quote_is_due(pace, total_steps=job.total_steps):
        _tell(job, pace)


def quote_wait(job: Job, pace: Pace) -> None:
    """Tell what can be told of a job that stopped for it, and that it waits for a word."""
    who = {"job_id": job.id, "tenant_id": job.tenant_id}
    if job.quote_step is None:
        if pace.steps and job.total_steps:
            _tell(job, pace)
        else:
            Job.objects.filter(pk=job.pk).update(quote_step=job.step)
            event_say(Said.QUOTE_UNTOLD, **who, level="warn")
    event_say(Said.QUOTE_WAITS, **who)


def free_check() -> None:
    """Raise ``QuotaExceeded`` where the tenant in scope has had a day's free first steps.

    Jobs that may still take some count as if they took all they may, however old they are. What was
    done again after a crash is ours, and counts for nobody.
    """
    used_ms = qty_unbilled(reason=REASON, since=database_now() - _DAY)
    # One that waits for a word has had its free steps.
    told = Q(state=State.PAUSED, quote_step__isnull=False)
    to_come = Job.objects.filter(quote_first=True).exclude(state__in=ENDED).exclude(told).count()
    if used_ms / 1000 + (to_come + 1) * settings.QUOTE_WITHIN_S > settings.QUOTE_FREE_S:
        raise QuotaExceeded(
            _(
                "Today's free first steps are used up. Train without asking for the cost first, "
                "or ask again tomorrow."
            ),
            param="quote_first",
        )


def _tell(job: Job, pace: Pace) -> None:
    left_ms = pace.elapsed_ms * max(0, job.total_steps - job.step) // pace.steps
    begin_ms = pace.begin_ms if job.quote_first else 0
    # Steps are timed by the clock on the wall, and every device costs.
    whole_ms = job.billed_ms + (left_ms + begin_ms) * job.devices
    amount_micro = price_micro(job, job.meter, whole_ms)
    Job.objects.filter(pk=job.pk).update(
        quote_micro=amount_micro,
        quote_ms=whole_ms,
        quote_devices=job.devices,
        quote_step=job.step,
    )
    # As the page beside it writes the quote.
    amount = amount_text(amount_micro)
    who = {"job_id": job.id, "tenant_id": job.tenant_id}
    event_say(Said.QUOTED, **who, amount=amount)
    if whole_ms > settings.TRAIN_MAX_S * 1000 * job.devices:
        hours = f"{settings.TRAIN_MAX_S / 3600:.4g}"
        event_say(Said.QUOTE_TOO_LONG, **who, level="warn", hours=hours)
