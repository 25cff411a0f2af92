"""The operator's prices: the books there are, and publishing a new one in two steps."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from modelmill.billing.books import access_book, book_at, book_current, book_publish, book_rates
from modelmill.billing.models import Price, PriceBook
from modelmill.billing.moving import move_starts_at, subscriptions_move
from modelmill.billing.rating import Rate, Rates
from modelmill.billing.selectors import BookTenants, book_list, book_tenants
from modelmill.catalog.meters import meters_declared
from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render
from modelmill.cockpit.price_form import PricesForm, moment_told
from modelmill.cockpit.price_rows import PriceRow
from modelmill.core.clock import database_now
from modelmill.metering.titles import MeterTitles
from modelmill.tenants.models import Tenant

_BOOKS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Change:
    """One price before and after; None is no price."""

    row: PriceRow
    old: Rate | None
    new: Rate | None

    @property
    def is_change(self) -> bool:
        """Whether the two differ."""
        return self.old != self.new


@dataclass(frozen=True, kw_only=True)
class BookShown:
    """A price book as its panel shows it; ``starts_at`` is when everybody given it now has it."""

    book: PriceBook
    prices: list[tuple[str, Price]]
    is_replaced: bool
    starts_at: datetime
    tenants: BookTenants


@operator_page
def prices(request: OperatorRequest) -> HttpResponse:
    """Show every price book, and publish a new one: first it is shown beside the one before it.

    The form begins with the prices of the time that it names, or that the address does.
    """
    current, plugins = book_current(), meters_declared()
    told = request.POST if request.method == "POST" else request.GET
    moment = moment_told(told.get("effective_from", ""))
    form = PricesForm(
        request.POST or None,
        book=book_at(moment) if moment else current,
        plugins=plugins,
        initial={"effective_from": _written(moment)},
    )
    step = request.POST.get("step", "")
    if request.method == "POST" and form.is_valid() and step != "edit":
        answer = _review(request, form) if step != "publish" else _publish(request, form)
        if answer is not None:
            return answer
    context = {
        "books": _books(MeterTitles(plugins)),
        "tenants": Tenant.objects.count(),
        "current": current,
        "form": form,
        "now": timezone.now(),
    }
    return operator_render(request, "cockpit/prices.html", context)


@operator_page
def prices_move(request: OperatorRequest, book_id: str) -> HttpResponse:
    """Give every organisation a book from its next period on."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    book = access_book(book_id)
    count, starts_at = subscriptions_move(book, actor=f"operator {request.user.email}")
    said = ngettext(
        "%(count)s organisation has these prices from %(date)s UTC on.",
        "%(count)s organisations have these prices from %(date)s UTC on.",
        count,
    )
    messages.success(request, said % {"count": count, "date": date_format(starts_at, "Y-m-d")})
    return redirect("cockpit:prices")


def _review(
    request: OperatorRequest, form: PricesForm, *, is_stale: bool = False
) -> HttpResponse | None:
    """Show what would change; None when that is nothing."""
    before = form.book
    changes = _changes(form, book_rates(before.pk), form.rates_wanted())
    if not any(change.is_change for change in changes):
        form.add_error(None, _("These are the prices that hold then already."))
        return None
    context = {
        "changes": [change for change in changes if change.is_change],
        "same": sum(not change.is_change for change in changes),
        "before": before,
        "effective_from": form.cleaned_data["effective_from"],
        "values": [(name, _written(form.cleaned_data[name])) for name in form.fields],
        "is_stale": is_stale,
    }
    return operator_render(request, "cockpit/prices_review.html", context)


def _publish(request: OperatorRequest, form: PricesForm) -> HttpResponse | None:
    """Publish what was looked at; what came between is to be looked at first."""
    before, moment = form.book, form.cleaned_data["effective_from"] or timezone.now()
    if request.POST.get("before") != before.pk:
        return _review(request, form, is_stale=True)
    book_publish(form.rates_wanted(), effective_from=moment, currency=before.currency)
    messages.success(
        request,
        _("Published. Organisations that sign up from %(date)s UTC on have these prices.")
        % {"date": date_format(moment, "Y-m-d H:i")},
    )
    return redirect("cockpit:prices")


def _books(titles: MeterTitles) -> list[BookShown]:
    """Return the newest books with their prices, each with its meter's name."""
    now, tenants = database_now(), book_tenants()
    shown: list[BookShown] = []
    for book in book_list()[:_BOOKS_SHOWN]:
        named = [(titles.of(one.meter, one.plugin_id), one) for one in book.prices.all()]
        shown.append(
            BookShown(
                book=book,
                prices=named,
                # The last that was published for a time comes first, and holds.
                is_replaced=any(x.book.effective_from == book.effective_from for x in shown),
                starts_at=move_starts_at(book, now=now),
                tenants=tenants.get(book.pk, BookTenants(now=0, later=0)),
            )
        )
    return shown


def _changes(form: PricesForm, old: Rates, new: Rates) -> list[Change]:
    # The form has a row for every price of its book, so none goes unseen.
    rows = form.rows_by_key()
    return [
        Change(row=row, old=old.get(key), new=new.get(key))
        for key, row in rows.items()
        if key in old or key in new
    ]


def _written(value: datetime | Decimal | None) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M")
    return "" if value is None else format(value, "f")


routes = [
    path("cockpit/prices", prices, name="prices"),
    path("cockpit/prices/<str:book_id>/move", prices_move, name="prices_move"),
]
