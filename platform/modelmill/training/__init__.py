"""The story of a training: jobs, attempts, leases, checkpoints, events, and who works.

The database is the queue and decides everything; a message to a worker only
says "look now". Not for running a plugin (workers) nor for what came out of it
(registry).

Public verbs: ``job_submit``, ``job_cancel``, ``job_pause``, ``job_resume``,
``job_finish_early``, ``jobs_unblock``; for workers ``job_claim``,
``job_report``, ``job_heartbeat``, ``checkpoint_commit``, ``job_finish``,
``job_fail``, ``job_yield``, ``jobs_sweep``, ``worker_report``;
``access_job``, ``job_list``, ``job_events``, ``job_progress``,
``job_waiting_reason``, ``job_metrics_series``, ``job_samples``.
"""
