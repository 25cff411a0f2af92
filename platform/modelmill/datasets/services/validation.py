"""The check of a version: claimed by one worker, done in a child process, shown only when whole.

The version's state flips in one transaction at the end. A worker that dies on
the way leaves a lease that runs out; the sweep rings again, and the next
attempt replaces what the first one stored and arrives at the same result.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Now

from modelmill.core.doorbell import ring
from modelmill.core.killpoints import killpoint
from modelmill.core.scope import system_scope
from modelmill.core.scratch import scratch_folder
from modelmill.core.storage import blob_fetch
from modelmill.datasets.intake.refusals import Refusal
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.services.child import IntakeKilled, intake_run
from modelmill.datasets.services.results import result_store, version_fail
from modelmill.datasets.services.versions import VALIDATE_TASK, version_message

_SWEEP_LIMIT = 20


def version_validate(version_id: str) -> DatasetVersion | None:
    """Check a version and make it ready or failed; for workers only.

    Returns the version as it is now, None when it is gone. Checks nothing when
    it was checked before or when another worker is at it.
    """
    if _claim(version_id):
        version = DatasetVersion.objects.select_related("source_file__blob").get(pk=version_id)
        if version.attempts > settings.MAX_ATTEMPTS:
            version_fail(version, error=Refusal.NOT_CHECKED.as_json())
        else:
            killpoint("intake.claimed")
            _check(version)
    return DatasetVersion.objects.filter(pk=version_id).first()


def versions_sweep() -> int:
    """Ring again for the oldest versions that nobody checks; return how many."""
    with system_scope("versions of every tenant may be left behind"):
        unwatched = Q(leased_until=None) | Q(leased_until__lt=Now())
        due = list(
            DatasetVersion.objects.filter(
                unwatched,
                state=DatasetVersion.State.VALIDATING,
                # The outbox's own message gets the first chance.
                created_at__lt=Now() - timedelta(seconds=settings.HEARTBEAT_S),
            ).order_by("pk")[:_SWEEP_LIMIT]
        )
    # Not through the outbox, which sends once for each key: this ring may be lost too.
    return sum(ring(VALIDATE_TASK, version_message(version)) for version in due)


def _claim(version_id: str) -> bool:
    free = Q(leased_until=None) | Q(leased_until__lt=Now())
    rows = DatasetVersion.objects.filter(free, pk=version_id, state="validating")
    lease = Now() + timedelta(seconds=settings.LEASE_S)
    return rows.update(leased_until=lease, attempts=F("attempts") + 1) == 1


def _check(version: DatasetVersion) -> None:
    file = version.source_file
    if file is None:
        version_fail(version, error=Refusal.FILE_DELETED.as_json())
        return
    with scratch_folder("intake") as folder:
        try:
            source = blob_fetch(file.blob, folder / "source")
            result = intake_run(
                source,
                name=version.source_name,
                folder=folder / "out",
                on_progress=lambda rows: _renew(version, rows_seen=rows),
            )
            killpoint("intake.checked")
            result_store(version, result, folder=folder / "out")
        except IntakeKilled:
            # Somebody stopped the child (memory, shutdown): not the file's fault yet.
            DatasetVersion.objects.filter(pk=version.pk).update(leased_until=None)


def _renew(version: DatasetVersion, *, rows_seen: int) -> None:
    lease = Now() + timedelta(seconds=settings.LEASE_S)
    DatasetVersion.objects.filter(pk=version.pk, state="validating").update(
        leased_until=lease, rows_seen=rows_seen
    )
