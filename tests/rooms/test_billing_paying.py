"""What the operator says: how to pay, what one begins with, who sells; and who buys."""

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone, translation
from modelmill.billing.closing import invoice_close
from modelmill.billing.models import Invoice, Plan
from modelmill.billing.selectors import balance_summary, wallet_balance
from modelmill.billing.services import reservation_open
from modelmill.billing.subscriptions import subscription_plan_set
from modelmill.core import environment
from modelmill.core.errors import QuotaExceeded
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant

from tests.conftest import Place
from tests.web.test_pages import check_page
from workers.documents.invoice import invoice_html

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def parties(settings, acme) -> None:
    settings.OPERATOR_NAME = "Mill & Sons"
    settings.OPERATOR_ADDRESS = f"1 Pond Lane\n{HOSTILE}"
    settings.OPERATOR_TAX_NUMBER = "DE123"
    form = {
        "billing_name": "Acme Holding GmbH",
        "billing_address": f"2 Hill Road\r\n\r\n  9999  Town\r\n{HOSTILE}",
        "tax_number": "CH 456",
    }
    acme.browser().post("/settings/billing", form)


def invoice_made(place: Place) -> Invoice:
    usage_record(
        tenant_id=place.tenant.pk,
        source="test",
        event_id=f"{timezone.now()}",
        meter="verses",
        plugin_id="poet",
        qty=3,
        occurred_at=timezone.now(),
    )
    invoice = invoice_close(tenant_id=place.tenant.pk)
    assert invoice is not None
    return invoice


def test_both_parties_are_frozen_into_the_invoice(settings, parties, acme) -> None:
    with acme.scope():
        invoice = invoice_made(acme)
    settings.OPERATOR_ADDRESS = "elsewhere"
    Tenant.objects.update(billing_address="elsewhere", tax_number="other")

    page = acme.browser().get(f"/invoices/{invoice.pk}").content.decode()
    with acme.scope():
        document = invoice_html(Invoice.objects.get(), language="en")
    told = acme.api.get(f"/v1/invoices/{invoice.pk}").json()

    check_page(page)
    for shown in (page, document):
        for words in ("Mill &amp; Sons", "1 Pond Lane", "DE123", "Acme Holding GmbH", "CH 456"):
            assert words in shown, words
        assert "2 Hill Road<br>9999 Town<br>" in shown
        assert HOSTILE not in shown and "elsewhere" not in shown
        assert "equal lines may differ by a cent" in shown
    assert r'content: "Mill\20 \26 \20 Sons' in document, "what CSS takes at the foot of the page"
    assert told["buyer"] == {
        "name": "Acme Holding GmbH",
        "address": f"2 Hill Road\n9999 Town\n{HOSTILE}",
        "tax_number": "CH 456",
    }
    assert told["seller"]["tax_number"] == "DE123"
    with acme.scope(), pytest.raises(DatabaseError), transaction.atomic():
        Invoice.objects.update(buyer_address="elsewhere")


def test_without_details_the_names_are_enough(acme) -> None:
    with acme.scope():
        invoice = invoice_made(acme)
        assert "Tax number" not in invoice_html(invoice, language="en")
    assert acme.api.get(f"/v1/invoices/{invoice.pk}").json()["buyer"] == {
        "name": "Acme",
        "address": None,
        "tax_number": None,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("billing_name", "x" * 201),
        ("billing_address", "x" * 501),
        ("billing_address", "x\n" * 9),
        ("billing_address", "a\x00b"),
        ("tax_number", "x" * 51),
    ],
)
def test_details_are_bounded(field, value, acme) -> None:
    page = acme.browser().post("/settings/billing", {field: value}).content.decode()
    assert "field-error" in page
    acme.tenant.refresh_from_db()
    assert getattr(acme.tenant, field) == ""


def test_the_operator_says_how_to_pay(settings, acme) -> None:
    for path in ("/usage", "/invoices"):
        page = acme.browser().get(path).content.decode()
        assert "How to add money" in page and "Ask Modelmill how to add money" in page
        assert "10.00 USD of credit" in page
    settings.PAYMENT_TEXTS = {"en": f"Wire to <b>1</b>\nquote {HOSTILE}", "zh-hans": "请汇款"}
    page = acme.browser().get("/usage").content.decode()
    assert "Wire to &lt;b&gt;1&lt;/b&gt;<br>quote" in page and HOSTILE not in page
    reader = acme.browser()
    reader.cookies["django_language"] = "zh-hans"
    assert "请汇款" in reader.get("/invoices").content.decode()


def test_an_address_in_the_operators_words_is_a_link(settings, acme) -> None:
    settings.PAYMENT_TEXTS = {"en": 'Pay at https://pay.example/a?b=1&c=2 "now"', "zh-hans": ""}
    page = acme.browser().get("/usage").content.decode()
    assert '<a href="https://pay.example/a?b=1&amp;c=2" rel="nofollow">' in page
    assert "&quot;now&quot;" in page


def test_a_refusal_says_how_to_pay(settings, acme) -> None:
    settings.PAYMENT_TEXTS = {"en": "Wire to 1,\nquote 2.", "zh-hans": ""}
    for language in ("en", "zh-hans"):
        with acme.scope(), translation.override(language), pytest.raises(QuotaExceeded) as refused:
            reservation_open(tenant_id=acme.tenant.pk, key=language, amount_micro=10**9)
        assert str(refused.value.message).endswith(" Wire to 1, quote 2.")


@pytest.mark.parametrize(("credit", "held"), [(None, 10_000_000), (2_500_000, 2_500_000), (0, 0)])
def test_a_new_organisation_begins_with_the_operators_credit(credit, held, settings, acme) -> None:
    settings.WELCOME_MICRO = credit
    with acme.scope():
        assert wallet_balance(acme.tenant.pk) == held
    page = acme.browser().get("/usage").content.decode()
    assert ("of credit, once" in page) == bool(held)
    assert f"{held / 1_000_000:.2f} USD" in page


def test_the_environment_is_checked(monkeypatch) -> None:
    monkeypatch.setenv("A_TEXT", "one\\ntwo")
    assert environment.passage("A_TEXT", most=9) == "one\ntwo"
    assert environment.money_micro("NOT_SET") is None
    monkeypatch.setenv("A_SUM", "10.5")
    assert environment.money_micro("A_SUM") == 10_500_000
    with pytest.raises(environment.EnvironmentInvalid, match="3 characters"):
        environment.passage("A_TEXT", most=3)
    for wrong in ("-1", "ten", "NaN", "1e99", "0.0000001"):
        monkeypatch.setenv("A_SUM", wrong)
        with pytest.raises(environment.EnvironmentInvalid, match=r"as in 10\.00"):
            environment.money_micro("A_SUM")


def test_meters_are_named_as_their_plugin_named_them(acme) -> None:
    from modelmill.catalog.services import catalog_sync

    from tests.making import manifest_make

    catalog_sync([manifest_make(plugin_id="poet", meters={"verses": "Verses written"})])
    with acme.scope():
        invoice = invoice_made(acme)
        line = invoice.lines.get()
    catalog_sync([manifest_make(plugin_id="poet", version="2", meters={"verses": "Renamed"})])
    with acme.scope():
        assert "Verses written" in invoice_html(invoice, language="en")
    path = f"/invoices/{invoice.pk}"
    assert "Verses written" in acme.browser().get(path).content.decode()
    assert "Verses written" in acme.browser().get(f"{path}/lines/{line.pk}").content.decode()
    assert "Renamed" in acme.browser().get("/usage").content.decode()
    assert "Renamed" in acme.browser().get("/usage/events").content.decode()
    page = acme.browser().get("/plugins/poet").content.decode()
    assert page.count("Renamed") == 1


def test_a_closed_line_keeps_its_english_name_and_is_read_in_the_readers(acme) -> None:
    from modelmill.catalog.services import catalog_sync

    from tests.making import manifest_make

    poet = {
        "meters": {"verses": "Verses written"},
        "texts": {"zh-hans": {"Verses written": "诗行"}},
    }
    catalog_sync([manifest_make(plugin_id="poet", **poet)])
    with acme.scope(), translation.override("zh-hans"):
        invoice = invoice_made(acme)
        line = invoice.lines.get()
        assert line.meter_title == "Verses written"
        assert "诗行" in invoice_html(invoice, language="zh-hans")
        assert "Verses written" in invoice_html(invoice, language="en")
    chinese = acme.browser()
    chinese.cookies["django_language"] = "zh-hans"
    for path in (f"/invoices/{invoice.pk}", f"/invoices/{invoice.pk}/lines/{line.pk}"):
        page = chinese.get(path).content.decode()
        assert "诗行" in page and "Verses written" not in page, path


def test_the_welcome_shown_is_the_one_that_new_organisations_get(settings, acme, globex) -> None:
    team = Plan.objects.create(code="team", title="Team", welcome_micro=77_000_000)
    with acme.scope():
        subscription_plan_set(acme.tenant, plan=team)
        assert balance_summary(acme.tenant.pk).welcome_micro == 10_000_000
    settings.WELCOME_MICRO = 3_000_000
    for place in (acme, globex):
        with place.scope():
            assert balance_summary(place.tenant.pk).welcome_micro == 3_000_000
