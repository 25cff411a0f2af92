"""The form of a new price book: a field for each price there may be, and its day."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelmill.billing.books import book_rates
from modelmill.billing.models import PriceBook
from modelmill.billing.rating import Rate, Rates
from modelmill.catalog.meters import PluginMeters
from modelmill.cockpit.price_rows import PriceGroup, PriceRow, price_groups
from modelmill.core.money import MICRO, price_text

# A field has no seconds: the minute that is running is not the past.
_MINUTE = timedelta(minutes=1)
_FARTHEST = timedelta(days=5 * 365)


class PricesForm(forms.Form):
    """The amounts of a new book. One left empty has no price; for a plugin, none of its own.

    ``book`` is the one that would hold at the new one's time: each of its prices has a field.
    """

    effective_from = forms.DateTimeField(
        label=gettext_lazy("Holds from (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Leave it empty for now. It cannot lie in the past."),
    )

    def __init__(
        self, *args: Any, book: PriceBook, plugins: list[PluginMeters], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.book = book
        self._groups = price_groups(book_rates(book.pk), plugins)
        for group in self._groups:
            for row in group.rows:
                self.fields[row.field] = self._field(row)

    def groups(self) -> list[tuple[PriceGroup, list[tuple[PriceRow, forms.BoundField]], bool]]:
        """Return the groups with their fields, and whether one is to be looked at."""
        found = []
        for group in self._groups:
            rows = [(row, self[row.field]) for row in group.rows]
            is_open = group.has_prices or any(
                bound.errors or (self.is_bound and bound.value()) for _row, bound in rows
            )
            found.append((group, rows, is_open))
        return found

    def rates_wanted(self) -> Rates:
        """Return the new book's rates: those whose amounts were entered."""
        return {
            row.key: Rate(
                amount_micro=int(self.cleaned_data[row.field] * MICRO),
                per=row.per,
                title=row.unit,
            )
            for row in self._rows()
            if self.cleaned_data[row.field] is not None
        }

    def rows_by_key(self) -> dict[tuple[str, str], PriceRow]:
        """Return the prices there may be, by their keys in a book."""
        return {row.key: row for row in self._rows()}

    def clean_effective_from(self) -> datetime | None:
        """Take now or a later time, at most some years ahead."""
        wanted: datetime | None = self.cleaned_data["effective_from"]
        now = timezone.now()
        if wanted is None or now - _MINUTE < wanted <= now:
            return None
        if wanted < now:
            raise forms.ValidationError(
                _("This time has passed. Choose a later one, or leave it empty for now.")
            )
        if wanted > now + _FARTHEST:
            raise forms.ValidationError(_("Choose a time within the next five years."))
        return wanted

    def _rows(self) -> list[PriceRow]:
        return [row for group in self._groups for row in group.rows]

    def _field(self, row: PriceRow) -> forms.DecimalField:
        # What everybody pays for is not made free by a field that was emptied by mistake.
        is_needed = row.rate is not None and not row.plugin_id
        field = forms.DecimalField(
            label=row.title,
            required=is_needed,
            initial=_amount_text(row.rate) if row.rate else None,
            min_value=0,
            max_value=1_000_000,
            max_digits=13,
            decimal_places=6,
            help_text=row.example(self.book.currency),
        )
        field.error_messages["required"] = _("Enter 0 to make it free.")
        return field


def _amount_text(rate: Rate) -> str:
    return price_text(rate.amount_micro, currency="").replace(",", "")


def moment_told(text: str) -> datetime | None:
    """Return the later time that a form's field names; None where that is now, or no time."""
    try:
        told: datetime | None = forms.DateTimeField(required=False).clean(text)
    except forms.ValidationError:
        return None
    return told if told and told > timezone.now() else None
