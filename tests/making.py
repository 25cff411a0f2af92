"""Rows that many tests need, made the way the installation makes them."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

TRAIN_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "steps": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 20},
        "rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.5},
        "mode": {"enum": ["plain", "fancy"], "type": "string", "default": "plain"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "slow": {"type": "boolean", "default": False},
    },
}


def manifest_make(plugin_id: str = "toy", **fields: Any) -> dict[str, Any]:
    """Return a manifest as a worker would publish it."""
    return {
        "protocol": 2,
        "plugin_id": plugin_id,
        "version": "1.0",
        "distribution": "toys",
        "entry_point": plugin_id,
        "digest": "sha256:00",
        "title": plugin_id.title(),
        "description": "A toy.",
        "task": "other",
        "accepts": ["text"],
        "meters": {},
        "needs": {"gpu_memory_mib": 0},
        "trains": True,
        "streams": False,
        "max_batch": 1,
        "max_wait_ms": 0,
        "train_schema": TRAIN_SCHEMA,
        "input_schema": {"type": "object", "properties": {}},
        "predict_schema": {"type": "object", "properties": {}},
        **fields,
    }


def version_make(place: Any, *, kind: str = "text", state: str = "ready") -> Any:
    """Store a dataset version as its check would have left it, without shards."""
    from modelmill.datasets.models import Dataset, DatasetVersion

    with place.scope():
        dataset = Dataset.objects.create(tenant=place.tenant, name="grain")
        return DatasetVersion.objects.create(
            tenant=place.tenant,
            dataset=dataset,
            number=1,
            source_name="grain.txt",
            source_sha256=f"{dataset.pk:0>64}"[-64:],
            state=state,
            kind=kind if state == "ready" else "",
            sha256="1" * 64 if state == "ready" else "",
            row_count=12 if state == "ready" else 0,
            error_message="It is empty." if state == "failed" else "",
        )


def job_make(place: Any, **options: Any) -> Any:
    """Submit a job for the toy plugin on ready data, as the place's owner."""
    from modelmill.catalog.services import manifest_publish
    from modelmill.training.services import job_submit

    manifest_publish(manifest_make())
    with place.scope():
        training_ref = options.pop("training_ref", "") or version_make(place).id
        return job_submit(
            caller=options.pop("caller", place.caller),
            plugin_id="toy",
            training_ref=training_ref,
            **options,
        )


def job_claimed(meter: str = "gpu_ms") -> Any:
    """Claim the next waiting job, also one that waits for its time to be tried again."""
    from django.db.models.functions import Now
    from modelmill.training.models import Job
    from modelmill.training.services import job_claim
    from modelmill.training.states import State

    Job.objects.filter(state=State.QUEUED).update(next_run_at=Now() - timedelta(seconds=1))
    lease = job_claim("w1", meter=meter)
    assert lease is not None
    return lease


def checkpoint_make(job: Any, *, step: int, content: bytes = b"state", **fields: Any) -> Any:
    """Store a checkpoint of a job as a worker would have left it, in the scope that is open."""
    from django.utils import timezone
    from modelmill.core.storage import blob_write
    from modelmill.training.models import Checkpoint

    blob = blob_write([content])
    return Checkpoint.objects.create(
        tenant_id=job.tenant_id,
        job=job,
        step=step,
        fence=1,
        sha256=blob.sha256,
        size_bytes=blob.size_bytes,
        blob=blob,
        committed_at=timezone.now(),
        **fields,
    )


def search_make(place: Any, **options: Any) -> Any:
    """Begin a search with the toy plugin on ready data, as the place's owner."""
    from modelmill.catalog.services import manifest_publish
    from modelmill.training.searches.services import SearchAsk, search_submit

    manifest_publish(manifest_make())
    with place.scope():
        asked = {
            "plugin_id": "toy",
            "training_ref": options.pop("training_ref", "") or version_make(place).id,
            "space": {"steps": {"min": 1, "max": 100}},
            "metric": "loss",
            **options,
        }
        again = {name: asked.pop(name) for name in ("idempotency_key", "is_retry") if name in asked}
        return search_submit(SearchAsk(**asked), caller=place.caller, **again)


def grain_make(place: Any, text: str = "corn\nbarley and rye\noats\n") -> Any:
    """Bring a text file and check it here and now; return its ready version."""
    import io

    from modelmill.datasets.selectors import version_for
    from modelmill.datasets.services import file_create, version_validate

    with place.scope():
        file = file_create(
            io.BytesIO(text.encode()),
            filename="grain.txt",
            purpose="fine-tune",
            caller=place.caller,
        )
        version = version_for(file.id)
        version_validate(version.id)
        version.refresh_from_db()
        assert version.is_ready, version.error_message
        return version


@cache
def fakes_manifests() -> list[dict[str, Any]]:
    """Describe the fake plugins, once for a test run: it takes a process."""
    from workers.hosts import describe_plugins

    found = describe_plugins(python_paths=(Path(__file__).with_name("fakes"),))
    return [item.model_dump(mode="json") for item in found.items]


def fakes_publish() -> None:
    """Publish the fake plugins as a worker that found them would."""
    from modelmill.catalog.services import catalog_sync

    catalog_sync(fakes_manifests())
