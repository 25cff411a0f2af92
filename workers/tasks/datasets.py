"""Tasks of the datasets room: versions are checked, what expired is cleared away."""

from celery import shared_task
from modelmill.core.scope import tenant_scope
from modelmill.datasets.services import (
    files_sweep,
    uploads_sweep,
    version_validate,
    versions_sweep,
)
from modelmill.training.services import jobs_unblock

EVERY_S = {"workers.tasks.datasets.sweep": 15.0}


@shared_task(name="workers.tasks.datasets.validate")
def validate(tenant_id: str, version_id: str) -> str:
    """Check a dataset version, then let the jobs that waited for it go on."""
    with tenant_scope(tenant_id):
        version = version_validate(version_id)
    if version is None or version.state == version.State.VALIDATING:
        return "not now"
    # Also for a version that was ready before: a worker may have died in between.
    jobs_unblock(version)
    return version.state


@shared_task(name="workers.tasks.datasets.sweep")
def sweep() -> None:
    """Ring for versions left behind; close uploads and delete files whose time is over."""
    versions_sweep()
    uploads_sweep()
    files_sweep()
