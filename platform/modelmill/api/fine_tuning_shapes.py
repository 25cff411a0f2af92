"""Jobs, events and checkpoints as OpenAI's client reads them, with ours as extra ``x_`` fields."""

from datetime import datetime
from typing import Any

from modelmill.billing.defaults import CURRENCY
from modelmill.training.failures import failure_advice
from modelmill.training.models import Checkpoint, Job, JobEvent
from modelmill.training.outlook import job_outlook
from modelmill.training.progress import job_progress
from modelmill.training.selectors import job_peaks
from modelmill.training.states import Priority, State
from modelmill.training.waiting import job_waiting_reason


def job_shape(job: Job) -> dict[str, Any]:
    """Return a job with all there is to know of it now; a handful of queries."""
    progress = job_progress(job)
    outlook = job_outlook(job)
    finish = outlook.finishes_at if outlook else progress.estimated_finish
    shape = job_line(job)
    shape["estimated_finish"] = _epoch(finish)
    shape["x_progress"] |= {
        "fraction": round(progress.fraction, 4),
        "elapsed_s": progress.elapsed_s,
        "seconds_left": progress.seconds_left,
    }
    return shape | {
        "x_waiting_reason": job_waiting_reason(job, outlook) or None,
        "x_paused_for": job.error_code if job.is_paused_unpaid else None,
        "x_queue_position": outlook.ahead + 1 if outlook else None,
        "x_estimated_start": _epoch(outlook.starts_at) if outlook else None,
        "x_priority": Priority(job.priority).name.lower(),
        "x_cost": {"amount_micro": progress.cost_micro, "currency": CURRENCY},
        "x_quote": _quote(job),
        "x_desired_state": job.desired_state,
        "x_attempt": job.attempt,
        "x_devices": job.devices if job.attempt else None,
        "x_memory": _memory(job),
        "x_max_cost_micro": job.max_cost_micro,
        "x_early_end": job.early_end or None,
        "x_keep_checkpoints": job.keep_checkpoints,
        "x_from_checkpoint": job.from_checkpoint_id,
    }


def job_line(job: Job) -> dict[str, Any]:
    """Return a job as lists show it, from its row alone."""
    version = job.model_version
    return {
        "id": job.id,
        "object": "fine_tuning.job",
        "created_at": _epoch(job.created_at),
        "finished_at": _epoch(job.finished_at),
        "estimated_finish": None,
        "model": job.plugin_id,
        "fine_tuned_model": version.name if version else None,
        "organization_id": job.tenant_id,
        "status": job.state,
        "hyperparameters": job.parameters,
        "method": {"type": "supervised", "supervised": {"hyperparameters": job.parameters}},
        "training_file": job.training_ref,
        "validation_file": job.validation_ref or None,
        "result_files": [],
        "trained_tokens": None,
        "seed": job.seed,
        "error": _error(job),
        "integrations": [],
        "metadata": job.metadata,
        "user_provided_suffix": job.suffix or None,
        "x_dataset_version": job.training_version_id,
        "x_model_version": job.model_version_id,
        "x_release": job.release.version,
        "x_progress": {
            "step": job.step,
            "total_steps": job.total_steps,
            "metrics": job.metrics,
        },
    }


def event_shape(event: JobEvent) -> dict[str, Any]:
    """Return an event; a sample's ``data`` has the ``url`` of its picture, or its ``text``."""
    is_metrics = event.kind == JobEvent.Kind.METRICS
    return {
        "id": event.id,
        "object": "fine_tuning.job.event",
        "created_at": _epoch(event.created_at),
        "level": event.level,
        "message": _message(event),
        "type": "metrics" if is_metrics else "message",
        "data": _data(event),
    }


def sample_url(event: JobEvent) -> str:
    """Return where a sample's picture is, on this host."""
    return f"/v1/fine_tuning/jobs/{event.job_id}/samples/{event.id}/content"


def checkpoint_shape(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint; its name is a model's once ``x_model`` says that there is one."""
    made = checkpoint.model_job
    version = made.model_version if made else None
    return {
        "id": checkpoint.id,
        "object": "fine_tuning.job.checkpoint",
        "created_at": _epoch(checkpoint.committed_at),
        "fine_tuned_model_checkpoint": checkpoint.name,
        "fine_tuning_job_id": checkpoint.job_id,
        "step_number": checkpoint.step,
        "metrics": {"step": checkpoint.step, **checkpoint.metrics},
        "x_is_kept": checkpoint.blob_id is not None,
        "x_size_bytes": checkpoint.size_bytes,
        "x_model_job": made.id if made else None,
        "x_model": version.name if version else None,
    }


def _quote(job: Job) -> dict[str, Any] | None:
    if job.quote_step is None:
        return None
    return {
        "amount_micro": job.quote_micro,
        "currency": CURRENCY,
        "device_ms": job.quote_ms,
        "devices": job.quote_devices,
        "at_step": job.quote_step,
        "awaits_word": job.awaits_word,
    }


def _memory(job: Job) -> dict[str, int | None]:
    """What it had of memory at most, and what the same work took before: that finds its worker."""
    peak_mib, gpu_peak_mib = job_peaks(job)
    return {
        "peak_mib": peak_mib or None,
        "gpu_peak_mib": gpu_peak_mib or None,
        "expected_mib": job.expected_memory_mib or None,
        "gpu_expected_mib": max(job.gpu_memory_mib, job.expected_gpu_memory_mib) or None,
    }


def _error(job: Job) -> dict[str, Any] | None:
    if job.state != State.FAILED:
        return None
    return {
        "code": job.error_code,
        "message": job.failure,
        "param": job.error_param or None,
        "x_advice": failure_advice(job.error_code) or None,
    }


def _message(event: JobEvent) -> str:
    if event.kind == JobEvent.Kind.METRICS:
        pairs = (f"{name}={_number(value)}" for name, value in event.values.items())
        return f"Step {event.step}: {', '.join(pairs)}"
    if event.kind == JobEvent.Kind.SAMPLE:
        return f"Sample {event.values.get('name', '')} at step {event.step}"
    return event.message


def _data(event: JobEvent) -> dict[str, Any] | None:
    if event.kind == JobEvent.Kind.METRICS:
        return {"step": event.step, **event.values}
    if event.kind == JobEvent.Kind.MESSAGE:
        return None
    shown = {"text": event.message} if event.blob_id is None else {"url": sample_url(event)}
    return {"step": event.step, "sample": event.values.get("name", ""), **shown}


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "–"


def _epoch(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
