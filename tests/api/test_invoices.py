"""GET /v1/invoices and below: lines that open down to their events, and the PDF."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from modelmill.billing.closing import invoice_close
from modelmill.billing.documents import document_store
from modelmill.billing.models import Invoice
from modelmill.core.models import OutboxMessage
from modelmill.core.money import micro_to_cents, round_half_up
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def invoice(acme, globex) -> Invoice:
    Tenant.objects.update(created_at=MARCH)
    with acme.scope():
        for number in range(7):
            for meter, qty in [("cpu_ms", 100_003), ("images", 3), ("tokens_out", 1_234)]:
                usage_record(
                    tenant_id=acme.tenant.id,
                    source="test",
                    event_id=f"{meter}-{number}",
                    meter=meter,
                    qty=qty + number,
                    occurred_at=MARCH + timedelta(days=number),
                    plugin_id="gan-faces",
                )
        return invoice_close(tenant_id=acme.tenant.id, end=MARCH + timedelta(days=30))


def paths(invoice: Invoice, line: str = "line-none") -> list[str]:
    base = f"/v1/invoices/{invoice.id}"
    return [base, f"{base}/lines/{line}/events", f"{base}/pdf"]


def test_it_lists_the_invoices(acme, globex, invoice) -> None:
    page = acme.api.get("/v1/invoices").json()
    assert [(i["id"], i["status"]) for i in page["data"]] == [(invoice.id, "paid")]
    assert globex.api.get("/v1/invoices").json()["data"] == []


def test_the_total_is_the_sum_of_the_events(acme, invoice) -> None:
    body = acme.api.get(f"/v1/invoices/{invoice.id}").json()
    subtotal = 0
    for line in body["lines"]:
        url = f"/v1/invoices/{invoice.id}/lines/{line['id']}/events"
        events, after = [], ""
        while True:
            page = acme.api.get(f"{url}?limit=4{after}").json()
            events += page["data"]
            if not page["has_more"]:
                break
            after = f"&after={page['last_id']}"
        assert sum(event["qty"] for event in events) == line["qty"]
        exact = sum(Fraction(event["amount_exact"]) for event in events)
        assert round_half_up(exact) == line["amount_micro"]
        subtotal += line["amount_micro"]
    assert subtotal == body["subtotal_micro"]
    assert body["total_cents"] == micro_to_cents(subtotal)
    assert body["total_cents"] == sum(line["amount_cents"] for line in body["lines"])


def test_it_needs_a_key_and_the_permission(acme, anonymous, invoice) -> None:
    for path in [*paths(invoice), "/v1/invoices"]:
        assert anonymous.get(path).status_code == 401
        assert acme.browser(acme.mate).get(path).status_code == 403


def test_it_refuses_the_stranger(acme, globex, invoice) -> None:
    line = acme.api.get(f"/v1/invoices/{invoice.id}").json()["lines"][0]["id"]
    for path in paths(invoice, line):
        answer = globex.api.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_an_unknown_invoice_or_line_is_not_found(acme, invoice) -> None:
    for path in ["/v1/invoices/inv-nothing", paths(invoice)[1]]:
        assert acme.api.get(path).status_code == 404


def test_the_document_is_made_by_a_worker_and_then_served(acme, invoice) -> None:
    path = f"/v1/invoices/{invoice.id}/pdf"
    answer = acme.api.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
    with acme.scope():
        document_store(invoice, language="en", content=b"%PDF-1.7 in English")
    answer = acme.api.get(path)
    assert answer.status_code == 200
    assert answer["content-type"] == "application/pdf"
    assert b"".join(answer.streaming_content) == b"%PDF-1.7 in English"


def test_another_language_is_ordered_once(acme, invoice) -> None:
    for _ in range(2):
        assert acme.api.get(f"/v1/invoices/{invoice.id}/pdf?language=zh-hans").status_code == 503
    ordered = OutboxMessage.objects.filter(topic="workers.tasks.billing.invoice_document")
    assert sorted(message.payload["language"] for message in ordered) == ["en", "zh-hans"]
    answer = acme.api.get(f"/v1/invoices/{invoice.id}/pdf?language=xx")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "language")
