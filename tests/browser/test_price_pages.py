"""Prices in a real browser: entered, compared, published; what customers read of money."""

from collections.abc import Callable
from typing import Any

import pytest
from modelmill.billing.closing import invoice_close
from modelmill.billing.models import PriceBook
from modelmill.catalog.services import catalog_sync
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant, User
from playwright.sync_api import Page, expect

from tests.browser.test_shell import is_narrow
from tests.conftest import Place
from tests.making import manifest_make


@pytest.fixture
def poet(live: str) -> None:
    catalog_sync([manifest_make(plugin_id="poet", meters={"verses": "Verses written"})])


@pytest.mark.usefixtures("poet")
def test_prices_are_compared_before_they_are_published(
    acme: Place,
    sign_in: Callable[..., Page],
    shoot: Callable[..., None],
    check_access: Callable[[Page], None],
) -> None:
    User.objects.filter(pk=acme.owner.pk).update(is_staff=True)
    page = sign_in(acme)
    page.goto("/cockpit/plugins/poet")
    expect(page.get_by_text("No price yet")).to_contain_text("Verses written")
    shoot(page, "cockpit-plugin-unpriced")
    page.get_by_role("link", name="Give it a price").click()
    check_access(page)
    assert is_narrow(page)
    shoot(page, "cockpit-prices")

    page.locator('[name="price.verses"]').fill("0.25")
    page.locator('[name="price.gpu_ms"]').fill("3.1")
    page.locator("details", has_text="poet").first.locator("summary").click()
    page.locator('[name="price.gpu_ms.poet"]').fill("4")
    page.get_by_role("button", name="Compare old and new").click()
    expect(page.get_by_role("row", name="GPU time").first).to_contain_text("2.40 USD")
    check_access(page)
    assert is_narrow(page)
    shoot(page, "cockpit-prices-review")
    assert PriceBook.objects.count() == 1
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Published.")).to_be_visible()
    page.wait_for_load_state()  # dialogs open once their script is there
    assert PriceBook.objects.count() == 2

    page.get_by_role("button", name="Give it to every organisation …").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Give it to every organisation").click()
    expect(page.get_by_text("1 organisation has these prices from")).to_be_visible()


@pytest.mark.usefixtures("poet")
def test_pages_about_money_are_narrow_and_accessible_with_all_there_is_to_say(
    acme: Place,
    settings: Any,
    sign_in: Callable[..., Page],
    shoot: Callable[..., None],
    check_access: Callable[[Page], None],
) -> None:
    settings.OPERATOR_ADDRESS, settings.OPERATOR_TAX_NUMBER = "1 Pond Lane\n1234 Brook", "DE 123"
    settings.PAYMENT_TEXTS = {
        "en": "Wire any amount to DE00 1234 and quote your short name.\nIt is booked in a day.",
        "zh-hans": "请汇款至 DE00 1234，并注明组织简称。",
    }
    Tenant.objects.update(
        billing_name="Acme Holding GmbH",
        billing_address="2 Hill Road\n9999 Town",
        tax_number="CH 9",
    )
    with acme.scope():
        for meter in ("verses", "images", "requests"):
            usage_record(
                tenant_id=acme.tenant.pk,
                source="test",
                event_id=meter,
                meter=meter,
                plugin_id="poet",
                qty=9_000 if meter == "images" else 20,
                occurred_at=Tenant.objects.get(pk=acme.tenant.pk).created_at,
            )
        invoice = invoice_close(tenant_id=acme.tenant.pk)
    page = sign_in(acme)
    paths = ("usage", "invoices", "settings", f"invoices/{invoice.pk}", "plugins/poet")
    for path in paths:
        page.goto(f"/{path}")
        assert is_narrow(page), path
        check_access(page)
        if path.startswith("invoices/"):
            shoot(page, "invoice-parties")
