"""Requests with a key, counted where the operator wants it, and refused without credit for them."""

import time
from collections import Counter
from collections.abc import Callable

import pytest
from django.utils import timezone
from modelmill.billing import affording
from modelmill.billing.books import book_publish
from modelmill.billing.closing import invoice_close
from modelmill.billing.defaults import RATES
from modelmill.billing.rating import Rate
from modelmill.billing.selectors import invoice_lines, wallet_balance
from modelmill.billing.services import reservation_open, wallet_top_up
from modelmill.metering.counting import usage_flush
from modelmill.metering.models import UsageEvent
from modelmill.tenants.services import api_key_create

from tests.conftest import ApiClient

PATH = "/v1/files"


@pytest.fixture(autouse=True)
def _metered(settings, usage_folder) -> None:
    settings.API_REQUESTS_METERED = True


@pytest.fixture
def priced(db) -> None:
    """A price book with a price of a thousandth of a dollar for a request."""
    rate = Rate(amount_micro=1_000_000, per=1_000, title="per thousand")
    book_publish({**RATES, ("api_requests", ""): rate}, effective_from=timezone.now())


def counted(place) -> dict[str, int]:
    """Sum what is in the ledger, by meter: the uses of each second are an event."""
    usage_flush()
    with place.scope():
        sums: Counter[str] = Counter()
        for meter, qty in UsageEvent.objects.values_list("meter", "qty"):
            sums[meter] += qty
        return dict(sums)


def leave(place, wallet_micro: int) -> None:
    """Set aside all of a tenant's credit but this."""
    with place.scope():
        taken_micro = wallet_balance(place.tenant.id) - wallet_micro
        reservation_open(tenant_id=place.tenant.id, key="taken", amount_micro=taken_micro)


def test_it_counts_a_request_for_its_key(acme, globex) -> None:
    with acme.scope():
        other, secret = api_key_create("other", caller=acme.caller, scopes=["data:read"])
    assert ApiClient(secret).get(PATH).status_code == 200
    assert counted(acme) == {"api_requests": 1} and counted(globex) == {}
    with acme.scope():
        assert UsageEvent.objects.get().api_key_id == other.id


def test_it_counts_as_many_as_there_were(acme) -> None:
    for _ in range(7):
        assert acme.api.get(PATH).status_code == 200
    assert counted(acme) == {"api_requests": 7}


def test_it_counts_nothing_unless_the_operator_wants_it(acme, settings, usage_folder) -> None:
    settings.API_REQUESTS_METERED = False
    assert acme.api.get(PATH).status_code == 200
    assert counted(acme) == {} and not usage_folder.exists()


def test_it_does_not_count_what_is_refused(acme, anonymous) -> None:
    assert anonymous.get(PATH).status_code == 401
    assert acme.api.get("/v1/files/file-none").status_code == 404
    assert acme.api.get(PATH, {"limit": "no"}).status_code == 400
    assert acme.api.delete(PATH).status_code == 405
    with acme.scope():
        _key, secret = api_key_create("narrow", caller=acme.caller, scopes=["infer"])
    assert ApiClient(secret).get(PATH).status_code == 403
    assert counted(acme) == {}


def test_it_does_not_count_people_on_the_dashboard(acme) -> None:
    assert acme.browser().get(PATH).status_code == 200
    assert counted(acme) == {}


def test_without_a_price_it_asks_for_no_credit(acme) -> None:
    leave(acme, 0)
    assert acme.api.get(PATH).status_code == 200


def test_with_a_price_it_asks_for_credit_and_lets_in_who_has_paid(
    priced, acme, monkeypatch
) -> None:
    assert acme.api.get("/v1/balance").status_code == 200
    leave(acme, 999)
    later = time.monotonic() + 0.6
    monkeypatch.setattr(affording.time, "monotonic", lambda: later)
    response = acme.api.get(PATH)
    assert response.status_code == 429
    assert response.json()["error"]["code"] == "insufficient_quota"
    assert acme.browser().get(PATH).status_code == 200
    with acme.scope():
        wallet_top_up(tenant_id=acme.tenant.id, key="paid", amount_micro=1)
    assert acme.api.get(PATH).status_code == 200
    assert counted(acme) == {"api_requests": 2}


@pytest.fixture
def pass_time(monkeypatch) -> Callable[[float], None]:
    """Let what a process remembers of wallets grow old."""
    passed_s = [0.0]
    begun_s = time.monotonic()
    monkeypatch.setattr(affording.time, "monotonic", lambda: begun_s + passed_s[0])

    def wait(seconds: float) -> None:
        passed_s[0] += seconds

    return wait


def test_requests_that_no_invoice_has_yet_need_credit_too(priced, acme, pass_time) -> None:
    assert acme.api.get("/v1/balance").status_code == 200
    leave(acme, 3_500)
    for _ in range(2):
        pass_time(2.1)
        assert acme.api.get(PATH).status_code == 200
        usage_flush()
    pass_time(2.1)
    # Three are in the ledger, and a fourth would cost more than there is.
    refused = acme.api.get(PATH)
    assert refused.status_code == 429
    assert "0.004000 USD" in refused.json()["error"]["message"]
    with acme.scope():
        wallet_top_up(tenant_id=acme.tenant.id, key="paid", amount_micro=500)
    assert acme.api.get(PATH).status_code == 200
    assert counted(acme) == {"api_requests": 4}


def test_an_invoice_begins_the_count_anew_at_once(priced, acme, pass_time) -> None:
    for _ in range(3):
        assert acme.api.get(PATH).status_code == 200
    usage_flush()
    leave(acme, 3_000)
    pass_time(2.1)
    assert acme.api.get(PATH).status_code == 429
    with acme.scope():
        # Three tenths of a cent are nothing on an invoice.
        invoice = invoice_close(tenant_id=acme.tenant.id)
        assert invoice is not None and invoice.total_cents == 0
    assert acme.api.get(PATH).status_code == 200


def test_what_is_remembered_costs_no_query_and_the_rest_always_the_same(
    priced, acme, pass_time, django_assert_num_queries
) -> None:
    acme.api.get(PATH)
    for number in range(1, 30, 7):
        for _ in range(number):
            acme.api.get(PATH)
        usage_flush()
        with acme.scope():
            for wait_s, queries in ((2.1, 3), (0.0, 0), (0.6, 2)):
                pass_time(wait_s)
                with django_assert_num_queries(queries):
                    affording.use_afford(tenant_id=acme.tenant.id, meter="api_requests")


def test_counted_requests_are_a_line_of_the_invoice(priced, acme) -> None:
    for _ in range(3):
        acme.api.get(PATH)
    usage_flush()
    with acme.scope():
        invoice = invoice_close(tenant_id=acme.tenant.id)
        assert invoice is not None
        (line,) = invoice_lines(invoice)
        assert (line.meter, line.qty, line.amount_micro) == ("api_requests", 3, 3_000)


def test_customers_see_them_by_key(acme) -> None:
    acme.api.get(PATH)
    usage_flush()
    start = int(timezone.now().timestamp()) - 7200
    body = acme.api.get("/v1/usage", {"start_time": start, "group_by[]": "api_key_id"}).json()
    results = [one for bucket in body["data"] for one in bucket["results"]]
    assert [(one["meter"], one["qty"]) for one in results] == [("api_requests", 1)]
    assert results[0]["api_key_id"].startswith("key-")
