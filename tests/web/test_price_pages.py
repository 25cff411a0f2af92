"""The operator's prices: every meter has a field, nothing is published unseen or for the past."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from modelmill.billing.books import book_at, book_current, book_publish, book_rates
from modelmill.billing.models import PriceBook
from modelmill.billing.moving import move_starts_at
from modelmill.billing.pinning import book_times
from modelmill.billing.rating import Rate
from modelmill.billing.subscriptions import subscription_ensure
from modelmill.catalog.services import catalog_sync
from modelmill.core.scope import system_scope
from modelmill.metering.meters import METERS

from tests.conftest import Place
from tests.making import manifest_make
from tests.web.test_pages import check_page

PATH = "/cockpit/prices"


@pytest.fixture
def poet(db: None) -> str:
    catalog_sync([manifest_make(plugin_id="poet", meters={"verses": "Verses written"})])
    return "poet"


def amounts(**changed: str) -> dict[str, str]:
    """What the form says as it stands, with some fields changed (dots written as __)."""
    body = {
        ".".join(filter(None, ["price", *key])): f"{rate.amount_micro / 1_000_000:.6f}"
        for key, rate in book_rates(book_current().pk).items()
    }
    return body | {name.replace("__", "."): value for name, value in changed.items()}


def publish(operator: Client, **changed: str) -> Any:
    body = amounts(**changed)
    review = operator.post(PATH, body)
    before = review.context["before"].pk
    return operator.post(PATH, body | {"step": "publish", "before": before}, follow=True)


def test_every_meter_that_is_known_has_a_field(operator: Client, poet: str) -> None:
    page = operator.get(PATH).content.decode()

    check_page(page)
    for meter in [*METERS, "verses"]:
        assert f'name="price.{meter}"' in page, meter
    for meter in ["verses", "cpu_ms", "gpu_ms", "requests"]:
        assert f'name="price.{meter}.poet"' in page, meter
    assert "Verses written" in page and "per thousand" in page
    assert "At 0.50, 10,000 cost 5.00 USD." in page


def test_the_page_costs_the_same_with_many_plugins(
    operator: Client, poet: str, django_assert_num_queries: Any
) -> None:
    operator.get(PATH)
    with django_assert_num_queries(10):
        operator.get(PATH)
    catalog_sync([manifest_make(plugin_id=f"poet-{n}", meters={f"m{n}": "M"}) for n in range(9)])
    with django_assert_num_queries(10):
        operator.get(PATH)


def test_a_plugins_meter_gets_a_price_for_all_and_one_of_its_own(
    operator: Client, poet: str
) -> None:
    publish(operator, price__verses="0.25", price__gpu_ms__poet="9.5", price__api_requests="0.01")

    rates = book_rates(book_current().pk)
    assert rates["verses", ""] == Rate(amount_micro=250_000, per=1_000, title="per thousand")
    assert rates["gpu_ms", "poet"].amount_micro == 9_500_000
    assert rates["gpu_ms", "poet"].per == rates["gpu_ms", ""].per
    assert rates["api_requests", ""].amount_micro == 10_000
    assert ("requests", "poet") not in rates


def test_old_and_new_are_shown_before_anything_is_published(operator: Client, poet: str) -> None:
    before = book_current()

    page = operator.post(PATH, amounts(price__gpu_ms="3.1", price__verses="1")).content.decode()

    check_page(page)
    assert "2.40 USD" in page and "3.10 USD" in page and "no price" in page
    assert book_current() == before and PriceBook.objects.count() == 1
    back = operator.post(PATH, amounts(price__gpu_ms="3.1") | {"step": "edit"}).content.decode()
    assert 'value="3.1"' in back


def test_a_second_click_publishes_nothing(operator: Client) -> None:
    body = amounts(price__gpu_ms="3")
    before = operator.post(PATH, body).context["before"].pk
    for _click in range(2):
        answer = operator.post(PATH, body | {"step": "publish", "before": before})
    assert PriceBook.objects.count() == 2
    assert "hold then already" in answer.content.decode()


def test_what_was_published_in_between_is_looked_at_again(operator: Client) -> None:
    body = amounts(price__gpu_ms="3")
    before = operator.post(PATH, body).context["before"].pk
    rates = {**book_rates(before), ("images", ""): Rate(amount_micro=5, per=1, title="each")}
    other = book_publish(rates, effective_from=timezone.now())

    page = operator.post(PATH, body | {"step": "publish", "before": before}).content.decode()

    assert "Other prices were published in the meantime" in page
    assert book_current() == other


@pytest.mark.parametrize("wrong", ["-1", "x", "0.0000001", "1e99", "NaN", "1000001"])
@pytest.mark.parametrize("field", ["price.gpu_ms", "price.verses", "price.verses.poet"])
def test_a_wrong_price_keeps_what_was_entered(
    field: str, wrong: str, operator: Client, poet: str
) -> None:
    body = amounts(price__images="0.123") | {field: wrong, "effective_from": "2199-01-01T00:00"}

    page = operator.post(PATH, body | {"step": "publish"}).content.decode()

    assert "field-error" in page and f'value="{wrong}"' in page
    assert 'value="0.123"' in page and 'value="2199-01-01T00:00"' in page
    assert PriceBook.objects.count() == 1


def test_a_price_is_not_emptied_by_mistake(operator: Client) -> None:
    book_current()
    assert "Enter 0 to make it free." in operator.post(PATH, {"price.gpu_ms": ""}).content.decode()
    assert PriceBook.objects.count() == 1


def test_prices_hold_from_a_later_day(operator: Client, acme: Place) -> None:
    now = book_current()
    day = (timezone.now() + timedelta(days=40)).astimezone(UTC).replace(second=0, microsecond=0)

    publish(operator, price__gpu_ms="3", effective_from=f"{day:%Y-%m-%dT%H:%M}")

    assert book_current() == now
    later = book_at(day)
    assert later != now and later.effective_from == day
    assert "Planned" in operator.get(PATH).content.decode()
    with acme.scope():
        assert subscription_ensure(acme.tenant).book == now


def test_a_planned_books_prices_are_not_dropped_unseen(operator: Client, poet: str) -> None:
    book_current()
    day = (timezone.now() + timedelta(days=40)).astimezone(UTC).replace(second=0, microsecond=0)
    gone = Rate(amount_micro=7_000_000, per=1, title="each")
    planned = {**book_rates(book_current().pk), ("odes", "gone"): gone, ("images", ""): gone}
    before = book_publish(planned, effective_from=day)
    when = f"{day:%Y-%m-%dT%H:%M}"

    form = operator.get(PATH, {"effective_from": when}).content.decode()
    review = operator.post(PATH, amounts(effective_from=when))

    assert f'value="{when}"' in form and 'name="price.odes.gone"' in form
    assert f"effective_from={when}" in operator.get(PATH).content.decode()
    assert review.context["before"] == before
    changed = {change.row.key: (change.old, change.new) for change in review.context["changes"]}
    assert changed.keys() == {("odes", "gone"), ("images", "")}
    assert changed["odes", "gone"] == (gone, None)


def test_a_planned_books_price_for_all_is_not_forgotten(operator: Client) -> None:
    day = (timezone.now() + timedelta(days=40)).astimezone(UTC).replace(second=0, microsecond=0)
    rate = Rate(amount_micro=7, per=1, title="each")
    book_publish({**book_rates(book_current().pk), ("odes", ""): rate}, effective_from=day)

    page = operator.post(PATH, amounts(effective_from=f"{day:%Y-%m-%dT%H:%M}")).content.decode()

    assert 'name="price.odes"' in page and "Enter 0 to make it free." in page


def test_earlier_prices_for_the_same_time_are_published_again(operator: Client) -> None:
    day = (timezone.now() + timedelta(days=40)).astimezone(UTC)
    when = f"{day:%Y-%m-%dT%H:%M}"
    for amount in ("3", "4", "3"):
        publish(operator, price__gpu_ms=amount, effective_from=when)
        assert book_rates(book_at(day).pk)["gpu_ms", ""].amount_micro == int(amount) * 1_000_000
    assert operator.get(PATH).content.decode().count("Replaced") == 2


def test_the_dialog_says_which_book_and_when(operator: Client, acme: Place, globex: Place) -> None:
    for place in (acme, globex):
        with place.scope():
            subscription_ensure(place.tenant)
    book = book_current()

    page = operator.get(PATH).content.decode()

    assert f"Give the prices from {book.effective_from:%Y-%m-%d %H:%M} UTC to every" in page
    day = move_starts_at(book)
    assert f"2 organisations have book {book.pk} from {day:%Y-%m-%d} UTC on" in page
    assert "Organisations with it: 2 now, 0 from a later month on." in page


def test_a_book_in_another_currency_is_a_sentence_and_moves_nobody(
    operator: Client, acme: Place
) -> None:
    with acme.scope():
        subscription_ensure(acme.tenant)
    euros = book_publish({}, effective_from=timezone.now(), currency="EUR")

    answer = operator.post(f"{PATH}/{euros.pk}/move")

    assert answer.status_code == 400 and "acme pays in USD" in answer.content.decode()


@pytest.mark.parametrize("when", ["2020-01-01T00:00", "9999-01-01T00:00", "soon"])
def test_prices_never_hold_in_the_past(when: str, operator: Client) -> None:
    page = operator.post(PATH, amounts(price__gpu_ms="3", effective_from=when)).content.decode()

    assert "field-error" in page and PriceBook.objects.count() == 1


def test_every_organisation_is_given_a_book_from_its_next_month(
    operator: Client, acme: Place, globex: Place
) -> None:
    with acme.scope():
        subscription_ensure(acme.tenant)
    publish(operator, price__gpu_ms="3")
    book = book_current()

    path = f"{PATH}/{book.pk}/move"
    assert acme.browser().post(path).status_code == 404
    assert operator.get(path).status_code == 405
    assert operator.post(f"{PATH}/book-none/move").status_code == 404
    page = operator.post(path, follow=True).content.decode()

    assert "2 organisations have these prices from" in page
    for place in (acme, globex):
        with place.scope():
            times = book_times(place.tenant.pk)
            assert times.book_at(datetime(2100, 1, 1, tzinfo=UTC)).pk == book.pk
    with acme.scope():
        assert book_times(acme.tenant.pk).book_now().pk != book.pk
    assert "Other prices from next month on" in acme.browser().get("/audit").content.decode()


def test_a_plugins_page_says_which_of_its_meters_have_no_price(operator: Client, poet: str) -> None:
    path = f"/cockpit/plugins/{poet}"
    assert "Verses written" in operator.get(path).content.decode()
    publish(operator, price__verses__poet="1")
    assert "Verses written" not in operator.get(path).content.decode()
    with system_scope("the test ends"):
        assert book_rates(book_current().pk)["verses", "poet"].amount_micro == 1_000_000
