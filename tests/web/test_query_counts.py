"""List pages ask the database the same number of questions however long the list is.

The counts are a baseline in git (``query_counts.json``): a page that asks more
fails here. ``UPDATE_COUNTS=1`` writes the file anew, for a reviewer to read.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from modelmill.billing.services import subscription_ensure
from modelmill.catalog.services import manifest_publish
from modelmill.metering.facts import Usage
from modelmill.metering.services import usage_record_many
from modelmill.registry.services import Lineage, alias_set, version_publish
from modelmill.tenants.models import Member, User
from modelmill.tenants.permissions import Role
from modelmill.tenants.services import api_key_create, member_invite
from modelmill.tenants.webhooks.services import endpoint_create

from tests.conftest import Place
from tests.making import job_make, manifest_make, search_make, version_make
from tests.queries import queries_count

BASELINE = Path(__file__).with_name("query_counts.json")


def people(place: Place, number: int) -> None:
    for at in range(number):
        user = User.objects.create_user(f"p{at}@many.example")
        Member.objects.create(tenant=place.tenant, user=user, role=Role.VIEWER)
        member_invite(f"guest{at}@many.example", role="viewer", caller=place.caller)


def keys(place: Place, number: int) -> None:
    for at in range(number):
        api_key_create(f"key {at}", caller=place.caller)


def webhooks(place: Place, number: int) -> None:
    for at in range(number):
        endpoint_create(f"https://example.com/{at}", caller=place.caller)


def datasets(place: Place, number: int) -> None:
    for _at in range(number):
        version_make(place)


def jobs(place: Place, number: int) -> None:
    subscription_ensure(place.tenant)
    for at in range(number):
        job_make(place, suffix=f"job {at}")


def searches(place: Place, number: int) -> None:
    manifest_publish(manifest_make())
    for _at in range(number):
        search_make(place)


def models(place: Place, number: int) -> None:
    release = manifest_publish(manifest_make())
    for at in range(number):
        lineage = Lineage(release=release, job_id=f"ftjob-{at}", dataset_version_id="dsv-1")
        version = version_publish({}, lineage=lineage, suffix=f"model-{at}")
        alias_set(version, name="prod", caller=place.caller)


def uses(place: Place, number: int) -> None:
    usages = [
        Usage(source="t", event_id=f"{at}", meter="images", qty=1, occurred_at=timezone.now())
        for at in range(number)
    ]
    usage_record_many(usages, tenant_id=place.tenant.pk)


FILLS: dict[str, Callable[[Place, int], None]] = {
    "/home": keys,
    "/team": people,
    "/keys": keys,
    "/webhooks": webhooks,
    "/audit": people,
    "/settings": people,
    "/data": datasets,
    "/jobs": jobs,
    "/models": models,
    "/searches": searches,
    "/usage": uses,
    "/usage/events": uses,
}


@pytest.mark.parametrize("path", FILLS)
def test_a_long_list_costs_what_the_baseline_says(path: str, acme: Place) -> None:
    few = queries_count(acme.browser(), path)
    with acme.scope():
        FILLS[path](acme, 12)

    many = queries_count(acme.browser(), path)

    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if os.environ.get("UPDATE_COUNTS") == "1":
        BASELINE.write_text(json.dumps({**known, path: many}, indent=2, sort_keys=True) + "\n")
        return
    # What belongs to the rows is fetched with one more question, which an empty list spares.
    assert many - few <= 1, "one query per row"
    assert many == known.get(path), "UPDATE_COUNTS=1 writes the new baseline, if it is right"
