"""GET /v1/usage, /v1/usage/events and OpenAI's /v1/organization: sums, prices, pages, doors."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from modelmill.metering.rolling import usage_roll
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
START = int(MARCH.timestamp())
DAY_S = 86_400
PATHS = [
    f"/v1/usage?start_time={START}",
    "/v1/usage/events",
    f"/v1/organization/usage/completions?start_time={START}",
    f"/v1/organization/usage/images?start_time={START}",
    f"/v1/organization/costs?start_time={START}",
    "/v1/prices",
    "/v1/balance",
]


@pytest.fixture(autouse=True)
def used(acme, globex):
    """Two days of use: half of it rolled up, half pending."""
    Tenant.objects.update(created_at=MARCH)
    with acme.scope():
        use(acme, "tokens_in", 1_000, day=0)
        use(acme, "tokens_out", 400, day=0)
        use(acme, "tokens_out", 600, day=0, hour=5, model_id="ft:b")
        usage_roll(tenant_id=acme.tenant.id)
        use(acme, "images", 8, day=1, plugin_id="gan-faces")
        use(acme, "cpu_ms", 3_600_000, day=1, billable=False)
    with globex.scope():
        use(globex, "images", 1_000_000, day=0)


def use(place, meter: str, qty: int, *, day: int, hour: int = 1, **more) -> None:
    usage_record(
        tenant_id=place.tenant.id,
        source="test",
        event_id=f"{meter}-{qty}",
        meter=meter,
        qty=qty,
        occurred_at=MARCH + timedelta(days=day, hours=hour),
        **({"model_id": "ft:a"} | more),
    )


def ask(place, path: str, **query) -> dict:
    response = place.api.get(path, {"start_time": START, "end_time": START + 2 * DAY_S} | query)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.parametrize("path", PATHS)
def test_it_needs_a_key(anonymous, path) -> None:
    assert anonymous.get(path).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_it_needs_the_permission(acme, path) -> None:
    answer = acme.browser(acme.mate).get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "missing_permission")


def test_usage_is_summed_by_meter_with_its_cost(acme) -> None:
    page = ask(acme, "/v1/usage")
    days = [{r["meter"]: (r["qty"], r["amount_micro"]) for r in b["results"]} for b in page["data"]]
    assert days == [
        {"tokens_in": (1_000, 200), "tokens_out": (1_000, 600)},
        {"images": (8, 16_000), "cpu_ms": (3_600_000, 0)},
    ]
    charged = [{r["meter"]: r["billable_qty"] for r in b["results"]} for b in page["data"]]
    assert charged == [{"tokens_in": 1_000, "tokens_out": 1_000}, {"images": 8, "cpu_ms": 0}]
    assert (page["object"], page["has_more"], page["next_page"]) == ("page", False, None)


def test_usage_is_grouped_and_filtered(acme) -> None:
    query = {"group_by[]": ["model_id", "billable"], "meters[]": "tokens_out"}
    page = ask(acme, "/v1/usage", bucket_width="1h", **query)
    results = [r for bucket in page["data"] for r in bucket["results"]]
    assert [(r["model_id"], r["qty"], r["billable"]) for r in results] == [
        ("ft:a", 400, True),
        ("ft:b", 600, True),
    ]


def test_usage_comes_in_pages(acme) -> None:
    found, page = [], None
    for _ in range(3):
        answer = ask(acme, "/v1/usage", limit=1, **({"page": page} if page else {}))
        found += answer["data"]
        page = answer["next_page"]
        if not answer["has_more"]:
            break
    assert [bucket["start_time"] for bucket in found] == [START, START + DAY_S]


@pytest.mark.parametrize("width", ["1m", "1h", "1d"])
def test_every_width_gives_the_same_sum(acme, width) -> None:
    query = {"start_time": START + 3600, "end_time": START + 2 * 3600, "bucket_width": width}
    page = ask(acme, "/v1/usage", **query)
    tokens = sum(r["qty"] for b in page["data"] for r in b["results"] if r["meter"] == "tokens_in")
    assert tokens == 1_000
    assert len(page["data"]) == {"1m": 60, "1h": 1, "1d": 1}[width]


def test_completions_have_openais_shape(acme) -> None:
    page = ask(acme, "/v1/organization/usage/completions", **{"group_by[]": "model"})
    first = page["data"][0]
    assert (first["object"], first["end_time"]) == ("bucket", START + DAY_S)
    by_model = {r["model"]: r for r in first["results"]}
    assert by_model["ft:a"] == {
        "object": "organization.usage.completions.result",
        "input_tokens": 1_000,
        "output_tokens": 400,
        "num_model_requests": 1,
        "model": "ft:a",
        "project_id": None,
        "user_id": None,
        "api_key_id": None,
        "batch": None,
    }
    assert page["data"][1]["results"] == []


def test_images_have_openais_shape(acme) -> None:
    page = ask(acme, "/v1/organization/usage/images")
    (result,) = page["data"][1]["results"]
    assert (result["images"], result["num_model_requests"]) == (8, 1)


def test_costs_have_openais_shape(acme) -> None:
    page = ask(acme, "/v1/organization/costs", **{"group_by[]": "line_item"})
    (result,) = [r for r in page["data"][1]["results"] if r["line_item"] == "images"]
    assert result["amount"] == {"value": 0.016, "micro": 16_000, "currency": "usd"}
    assert (result["quantity"], result["quantity_unit"]) == (8, "images")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": START, "end_time": START}, "end_time"),
        ({"start_time": START, "bucket_width": "1y"}, "bucket_width"),
        ({"start_time": START, "group_by[]": "colour"}, "group_by"),
        ({"start_time": START, "limit": 32}, "limit"),
        ({"start_time": START, "page": "2"}, "page"),
        ({"start_time": 10**14}, "start_time"),
        ({}, "start_time"),
    ],
    ids=str,
)
def test_it_validates(acme, query, param) -> None:
    answer = acme.api.get("/v1/usage", query)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_costs_come_by_the_day(acme) -> None:
    answer = acme.api.get("/v1/organization/costs", {"start_time": START, "bucket_width": "1h"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "bucket_width")


def test_events_have_their_exact_price(acme) -> None:
    page = acme.api.get("/v1/usage/events").json()
    # The two came last, perhaps within one millisecond: then their ids have no order.
    last = {event["meter"]: event for event in page["data"][:2]}
    assert set(last) == {"cpu_ms", "images"}
    exact = sum(Fraction(event["amount_exact"]) for event in page["data"])
    assert exact == sum(event["amount_micro"] for event in page["data"]) == 16_800
    free, image = last["cpu_ms"], last["images"]
    assert (free["billable"], free["price"]) == (False, None)
    assert image["price"] == {"amount_micro": 2_000, "per": 1, "title": "each"}


def test_events_come_in_pages_and_can_be_filtered(acme) -> None:
    first = acme.api.get("/v1/usage/events?limit=3").json()
    rest = acme.api.get(f"/v1/usage/events?limit=3&after={first['last_id']}").json()
    assert (len(first["data"]), len(rest["data"]), rest["has_more"]) == (3, 2, False)
    for query, count in [
        ("meter=tokens_out", 2),
        ("model_id=ft:b", 1),
        ("billable=false", 1),
        (f"start_time={START + DAY_S}", 2),
        (f"end_time={START + DAY_S}", 3),
    ]:
        assert len(acme.api.get(f"/v1/usage/events?{query}").json()["data"]) == count, query
    assert acme.api.get("/v1/usage/events?start_time=x").status_code == 400


def test_a_stranger_sees_only_their_own(globex) -> None:
    events = globex.api.get("/v1/usage/events").json()["data"]
    assert [event["qty"] for event in events] == [1_000_000]


def test_prices_and_balance(acme) -> None:
    prices = acme.api.get("/v1/prices").json()
    assert {p["meter"] for p in prices["data"]} >= {"cpu_ms", "gpu_ms", "images", "byte_hours"}
    balance = acme.api.get("/v1/balance").json()
    assert balance["available_micro"] == 10_000_000
    assert balance["period_cost_micro"] == 200 + 600 + 16_000


def test_openais_own_client_reads_it(acme) -> None:
    openai = pytest.importorskip("openai")
    http = pytest.importorskip("httpx2")

    def serve(request):
        answer = acme.api.get(request.url.raw_path.decode())
        return http.Response(answer.status_code, content=answer.content, headers=answer.headers)

    client = openai.OpenAI(
        api_key=acme.key,
        admin_api_key=acme.key,
        base_url="http://localhost/v1",
        http_client=http.Client(transport=http.MockTransport(serve)),
    )
    usage = client.admin.organization.usage
    times = {"start_time": START, "end_time": START + 2 * DAY_S}
    text = usage.completions(**times, group_by=["model", "api_key_id"])
    assert sum(result.output_tokens for result in text.data[0].results) == 1_000
    images = usage.images(**times, bucket_width="1d")
    assert images.data[1].results[0].images == 8
    costs = usage.costs(**times)
    assert costs.data[1].results[0].amount.value == 0.016
