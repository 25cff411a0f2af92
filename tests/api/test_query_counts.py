"""Every list of the API asks the database the same number of questions however long it is.

The counts are a baseline in git (``query_counts.json``). ``UPDATE_COUNTS=1``
writes the file anew, for a reviewer to read.
"""

import io
import json
import os
from pathlib import Path

import pytest
from django.utils import timezone
from modelmill.datasets.services import file_create
from modelmill.inference.services import Ask, prediction_create
from modelmill.metering.services import usage_record
from modelmill.tenants.webhooks.services import endpoint_create

from tests.conftest import Place
from tests.making import job_make, search_make
from tests.queries import queries_count
from tests.serving import model_made

BASELINE = Path(__file__).with_name("query_counts.json")
LISTS = [
    "/v1/files",
    "/v1/datasets",
    "/v1/fine_tuning/jobs",
    "/v1/models",
    "/v1/searches",
    "/v1/plugins",
    "/v1/predictions",
    "/v1/invoices",
    "/v1/usage/events",
    "/v1/prices",
    "/v1/webhook_endpoints",
]


def fill(place: Place, number: int, *, start: int = 0) -> None:
    """Give the tenant ``number`` of everything that can be listed."""
    for at in range(start, start + number):
        job_make(place, metadata={"n": str(at)})
        search_make(place)
        version = model_made(place, "fake-echo", job_id=f"ftjob-{at}")
        with place.scope():
            text = f"grain {at}".encode()
            file_create(
                io.BytesIO(text), filename=f"{at}.txt", purpose="fine-tune", caller=place.caller
            )
            ask = Ask(model=version.name, inputs=[{"value": "a"}])
            prediction_create(ask, caller=place.caller)
            endpoint_create(f"https://example.com/{at}", caller=place.caller)
            usage_record(
                tenant_id=place.tenant.id,
                source="test",
                event_id=str(at),
                meter="requests",
                qty=1,
                occurred_at=timezone.now(),
            )


def test_every_list_costs_what_the_baseline_says(acme, settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path
    fill(acme, 2)
    few = {path: queries_count(acme.api, path) for path in LISTS}
    fill(acme, 8, start=2)
    many = {path: queries_count(acme.api, path) for path in LISTS}
    assert many == few
    if os.environ.get("UPDATE_COUNTS") == "1":
        BASELINE.write_text(json.dumps(few, indent=2, sort_keys=True) + "\n")
    assert few == json.loads(BASELINE.read_text())
    if os.environ.get("UPDATE_COUNTS") == "1":
        pytest.skip("wrote the baseline anew")
