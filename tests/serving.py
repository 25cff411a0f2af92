"""Models to predict with, made of the fake plugins, and workers that serve them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from io import BytesIO
from typing import Any

from modelmill.catalog.services import manifest_publish
from modelmill.core.storage import blob_write
from modelmill.registry.models import ModelVersion
from modelmill.registry.services import Lineage, version_publish
from modelmill_fakes.answering import Echo, Embedder, Speaker
from modelmill_fakes.painting import Painter
from modelmill_fakes.stepping import Stepper
from modelmill_fakes.trouble import Trouble
from modelmill_sdk.describing import manifest_make

from tests.processes import Worker, worker_running

FAKES = {plugin.id: plugin for plugin in (Echo, Embedder, Painter, Speaker, Stepper, Trouble)}


def model_made(place: Any, plugin_id: str, *, job_id: str = "") -> ModelVersion:
    """Publish a fake plugin, and a model version of it that belongs to the tenant."""
    entry_point = EntryPoint("fakes", "modelmill_fakes", "modelmill")
    manifest = manifest_make(FAKES[plugin_id], entry_point=entry_point)
    release = manifest_publish(manifest.model_dump(mode="json"))
    with place.scope():
        weights = blob_write(BytesIO(json.dumps({"step": 7}).encode()))
        return version_publish(
            {"count.json": weights},
            lineage=Lineage(
                release=release, job_id=job_id or f"ftjob-{plugin_id}", dataset_version_id="dsv-x"
            ),
        )


@contextmanager
def infer_worker(redis_url: str, **extra: str) -> Iterator[Worker]:
    """Run an inference worker for the length of the block."""
    # Imported ahead, so that these workers start plugins' processes as those of an installation do.
    warm = {"MODELMILL_WARM_IMPORTS": "numpy"}
    options = {"pool": "threads", "concurrency": 4, **warm, **extra}
    with worker_running("infer", redis_url=redis_url, **options) as worker:  # type: ignore[arg-type]
        yield worker
