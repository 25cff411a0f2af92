"""The lock on a job: whoever decides by its state holds it first."""

from modelmill.training.models import Job


def job_hold(job_id: str) -> None:
    """Keep a job as it is until this transaction ends; taken before any other lock of the job's.

    Else it could be running when we ask whether it waits, and wait when we ask whether it runs.
    """
    Job.objects.select_for_update().filter(pk=job_id).values_list("pk").first()
