"""Telling the outside that a job is over."""

from modelmill.tenants.webhooks.services import webhook_announce
from modelmill.training.states import State


def job_announce(job_id: str, *, tenant_id: str, state: State) -> None:
    """Tell the tenant's webhooks how a job ended, in the transaction that ends it."""
    webhook_announce(f"fine_tuning.job.{state}", object_id=job_id, tenant_id=tenant_id)
