"""The webhooks' pages in a browser: made, shown once, with the log of what was sent."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone
from modelmill.tenants.models import WebhookDelivery
from modelmill.tenants.webhooks.services import endpoint_create, webhook_announce
from playwright.sync_api import Page, expect

from tests.conftest import Place

TOLD = {
    "fine_tuning.job.succeeded": ("delivered", 200, "ok", 1),
    "fine_tuning.job.cancelled": ("pending", None, "ConnectTimeoutError: timed out", 2),
    "fine_tuning.job.failed": ("failed", 500, "Internal Server Error", 10),
}


def told(place: Place) -> str:
    """Make an endpoint that heard one event, waits for one, and never heard a third."""
    with place.scope():
        endpoint, _secret = endpoint_create(
            "https://example.com/hooks/mill", caller=place.caller, description="the shop"
        )
        for event_type, (state, status, answer, tries) in TOLD.items():
            webhook_announce(event_type, object_id="ftjob-1", tenant_id=place.tenant.id)
            WebhookDelivery.objects.filter(event_type=event_type).update(
                state=state,
                last_status=status,
                last_answer=answer,
                tries=tries,
                next_try_at=timezone.now() + timedelta(minutes=5) if state == "pending" else None,
            )
    return endpoint.pk


def test_a_webhook_is_made_and_its_log_is_read(
    acme: Place,
    sign_in: Callable[..., Page],
    check_access: Callable[[Page], None],
    shoot: Callable[..., None],
) -> None:
    page = sign_in(acme)
    page.goto("/webhooks/new")
    page.get_by_label("Address").fill("https://example.com/hooks/till")
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The webhook’s secret")
    check_access(page)

    endpoint_id = told(acme)
    page.goto("/webhooks")
    expect(page.locator("tbody tr")).to_have_count(2)
    check_access(page)
    shoot(page, "webhooks")
    page.goto(f"/webhooks/{endpoint_id}")
    expect(page.locator("tbody tr")).to_have_count(3)
    check_access(page)
    shoot(page, "webhook")
    page.get_by_role("button", name="Delete").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("cannot be undone")
