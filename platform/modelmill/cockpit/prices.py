"""The operator's prices: the books there are, and publishing a new one."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from modelmill.billing.books import book_current, book_publish, book_rates
from modelmill.billing.rating import Rate, Rates
from modelmill.billing.selectors import book_list
from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render
from modelmill.core.money import MICRO
from modelmill.metering.meters import meter_title


class PricesForm(forms.Form):
    """The amounts of a new book, one field for each price of the one in force."""

    def __init__(self, *args: Any, rates: Rates, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rates = rates
        for number, ((meter, plugin_id), rate) in enumerate(rates.items()):
            self.fields[f"price-{number}"] = forms.DecimalField(
                label=" · ".join(filter(None, [meter_title(meter), plugin_id, _(rate.title)])),
                initial=Decimal(rate.amount_micro) / MICRO,
                min_value=0,
                max_value=1_000_000,
                max_digits=13,
                decimal_places=6,
            )

    def rates_wanted(self) -> Rates:
        """Return the new book's rates: the old ones with the amounts that were entered."""
        return {
            key: Rate(
                amount_micro=int(self.cleaned_data[f"price-{number}"] * MICRO),
                per=rate.per,
                title=rate.title,
            )
            for number, (key, rate) in enumerate(self._rates.items())
        }


@operator_page
def prices(request: OperatorRequest) -> HttpResponse:
    """Show every price book; a form sent here publishes a new one from now on."""
    current = book_current()
    form = PricesForm(request.POST or None, rates=book_rates(current.pk))
    if request.method == "POST" and form.is_valid():
        book_publish(form.rates_wanted(), effective_from=timezone.now(), currency=current.currency)
        messages.success(
            request, _("The new prices hold for every organisation that signs up now.")
        )
        return redirect("cockpit:prices")
    context = {"books": book_list()[:20], "current": current, "form": form}
    return operator_render(request, "cockpit/prices.html", context)


routes = [path("cockpit/prices", prices, name="prices")]
