"""The operator's prices: the books there are, and publishing a new one in two steps."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from modelmill.billing.books import access_book, book_at, book_current, book_publish, book_rates
from modelmill.billing.models import PriceBook
from modelmill.billing.moving import subscriptions_move
from modelmill.billing.rating import Rate, Rates
from modelmill.billing.selectors import book_list
from modelmill.catalog.meters import meters_declared
from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render
from modelmill.cockpit.price_form import PricesForm, decimal_text
from modelmill.cockpit.price_rows import PriceRow
from modelmill.metering.titles import MeterTitles

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


@operator_page
def prices(request: OperatorRequest) -> HttpResponse:
    """Show every price book, and publish a new one: first it is shown beside the one before it."""
    current, plugins = book_current(), meters_declared()
    form = PricesForm(request.POST or None, book=current, plugins=plugins)
    step = request.POST.get("step", "")
    if request.method == "POST" and form.is_valid() and step != "edit":
        answer = _review(request, form) if step != "publish" else _publish(request, form)
        if answer is not None:
            return answer
    context = {
        "books": _books(MeterTitles(plugins)),
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
        "%(count)s organisation has these prices from %(date)s on.",
        "%(count)s organisations have these prices from %(date)s on.",
        count,
    )
    messages.success(request, said % {"count": count, "date": date_format(starts_at, "Y-m-d")})
    return redirect("cockpit:prices")


def _review(
    request: OperatorRequest, form: PricesForm, *, is_stale: bool = False
) -> HttpResponse | None:
    """Show what would change; None when that is nothing."""
    wanted, moment = form.rates_wanted(), _moment(form)
    before = book_at(moment)
    changes = _changes(form, book_rates(before.pk), wanted)
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
    moment = _moment(form)
    before = book_at(moment)
    if request.POST.get("before") != before.pk:
        return _review(request, form, is_stale=True)
    book_publish(form.rates_wanted(), effective_from=moment, currency=before.currency)
    messages.success(
        request,
        _("Published. Organisations that sign up from %(date)s on have these prices.")
        % {"date": date_format(moment, "Y-m-d H:i")},
    )
    return redirect("cockpit:prices")


def _books(titles: MeterTitles) -> list[tuple[PriceBook, list[Any]]]:
    """Return the newest books with their prices, each with its meter's name."""
    return [
        (
            book,
            [(titles.of(one.meter, one.plugin_id), one) for one in book.prices.all()],
        )
        for book in book_list()[:_BOOKS_SHOWN]
    ]


def _changes(form: PricesForm, old: Rates, new: Rates) -> list[Change]:
    rows = form.rows_by_key()
    return [
        Change(row=row, old=old.get(key), new=new.get(key))
        for key, row in rows.items()
        if key in old or key in new
    ]


def _moment(form: PricesForm) -> datetime:
    return form.cleaned_data["effective_from"] or timezone.now()


def _written(value: datetime | Decimal | None) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M")
    return decimal_text(value)


routes = [
    path("cockpit/prices", prices, name="prices"),
    path("cockpit/prices/<str:book_id>/move", prices_move, name="prices_move"),
]
