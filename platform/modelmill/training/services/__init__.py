"""The training room's writes, by who asks: a customer, a worker, a sweep."""

from modelmill.training.services.endings import JobCancelled, job_fail, job_finish, job_yield
from modelmill.training.services.events import EventDraft, draft_of, event_say
from modelmill.training.services.keeping import (
    checkpoint_delete,
    checkpoint_promote,
    checkpoints_expire,
)
from modelmill.training.services.leases import Lease, LeaseLost, job_claim
from modelmill.training.services.presence import worker_gone, worker_report, worker_sweeps
from modelmill.training.services.quoting import quote_is_due
from modelmill.training.services.reports import (
    News,
    attempt_environment,
    attempt_follows_pause,
    attempt_is_concluded,
    attempt_release,
    attempt_resumed,
    checkpoint_commit,
    checkpoint_discard,
    checkpoint_newest,
    job_heartbeat,
    job_is_cancelled,
    job_report,
    job_wish,
)
from modelmill.training.services.submission import job_submit
from modelmill.training.services.sweeping import Swept, jobs_sweep
from modelmill.training.services.unblocking import jobs_unblock
from modelmill.training.services.wishes import (
    job_cancel,
    job_finish_early,
    job_pause,
    job_resume,
)

__all__ = [
    "EventDraft",
    "JobCancelled",
    "Lease",
    "LeaseLost",
    "News",
    "Swept",
    "attempt_environment",
    "attempt_follows_pause",
    "attempt_is_concluded",
    "attempt_release",
    "attempt_resumed",
    "checkpoint_commit",
    "checkpoint_delete",
    "checkpoint_discard",
    "checkpoint_newest",
    "checkpoint_promote",
    "checkpoints_expire",
    "draft_of",
    "event_say",
    "job_cancel",
    "job_claim",
    "job_fail",
    "job_finish",
    "job_finish_early",
    "job_heartbeat",
    "job_is_cancelled",
    "job_pause",
    "job_report",
    "job_resume",
    "job_submit",
    "job_wish",
    "job_yield",
    "jobs_sweep",
    "jobs_unblock",
    "quote_is_due",
    "worker_gone",
    "worker_report",
    "worker_sweeps",
]
