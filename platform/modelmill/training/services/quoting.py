"""What a whole training will cost, told as soon as its own first steps tell it.

The quote stays beside what the training has cost in the end, so that anyone sees how good it was.
"""

from modelmill.core.money import micro_text
from modelmill.training.models import Job
from modelmill.training.sayings import Said
from modelmill.training.services.events import event_say
from modelmill.training.services.money import price_micro

# Fewer say little: the first ones warm caches up.
_STEPS = 20


def quote_keep(job: Job) -> None:
    """Note once what the whole is expected to cost, in the transaction that proves its steps.

    The device time of the proved steps, for all of them; a training that ends early costs less.
    """
    if job.quote_micro is not None or not job.total_steps:
        return
    if job.billed_through_step < min(_STEPS, job.total_steps):
        return
    whole_ms = job.billed_ms * job.total_steps // job.billed_through_step
    amount_micro = price_micro(job, job.meter, whole_ms)
    Job.objects.filter(pk=job.pk).update(
        quote_micro=amount_micro, quote_step=job.billed_through_step
    )
    amount = micro_text(amount_micro, places=4)
    event_say(Said.QUOTED, job_id=job.id, tenant_id=job.tenant_id, amount=amount)
