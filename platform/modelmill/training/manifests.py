"""What a job was made from, in full: enough to make the same weights again on a CPU."""

from typing import Any

from modelmill.core import errors
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.selectors import access_version
from modelmill.registry.selectors import version_files
from modelmill.training.models import Attempt, Job
from modelmill.training.selectors import attempt_list

FORMAT = 1


def job_manifest(job: Job) -> dict[str, Any]:
    """Return a job's manifest: data, release, parameters, seed, attempts, and the weights' hashes.

    The parameters are those the plugin was given, defaults filled in. What was
    deleted since, or is not there yet, is None.
    """
    release = job.release
    return {
        "object": "fine_tuning.job.manifest",
        "format": FORMAT,
        "job": job.pk,
        "status": job.state,
        "plugin": {
            "id": release.plugin_id,
            "version": release.version,
            "digest": release.digest,
            "distribution": release.distribution or None,
        },
        "parameters": job.parameters,
        "seed": job.seed,
        "training_data": _data(job.training_version_id),
        "validation_data": _data(job.validation_version_id),
        "from_checkpoint": _checkpoint(job),
        "steps": {"done": job.step, "total": job.total_steps},
        "attempts": [_attempt(attempt) for attempt in attempt_list(job)],
        "model": _model(job),
    }


def _data(version_id: str) -> dict[str, Any] | None:
    if not version_id:
        return None
    try:
        version = access_version(version_id)
    except errors.NotFound:
        return {"id": version_id, "sha256": None}
    return {"id": version_id, "sha256": version.sha256, **_content(version)}


def _content(version: DatasetVersion) -> dict[str, Any]:
    return {
        "source_sha256": version.source_sha256,
        "kind": version.kind,
        "rows": version.row_count,
        "splits": version.splits,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    environment = dict(attempt.environment)
    return {
        "number": attempt.number,
        # Of its own: the plugin may have been upgraded between two attempts.
        "release": environment.pop(Attempt.RELEASE, None),
        "device": attempt.device,
        "devices": attempt.devices,
        "threads": attempt.threads or None,
        "resumed_step": attempt.resumed_step,
        "outcome": attempt.outcome or None,
        "environment": environment,
    }


def _checkpoint(job: Job) -> dict[str, Any] | None:
    checkpoint = job.from_checkpoint
    if checkpoint is None:
        return None
    return {"job": checkpoint.job_id, "step": checkpoint.step, "sha256": checkpoint.sha256}


def _model(job: Job) -> dict[str, Any] | None:
    version = job.model_version
    if version is None:
        return None
    return {
        "id": version.name,
        "sha256": version.sha256,
        "files": {
            file.path: {"sha256": file.blob.sha256, "bytes": file.blob.size_bytes}
            for file in version_files(version)
        },
        "metrics": version.metrics,
    }
