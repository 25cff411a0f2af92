"""``{% load mill %}``: icons, built assets, badges, money and quantities."""

import json
from collections.abc import Mapping

from django import template
from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import to_locale

from modelmill.billing.rating import RatedLine
from modelmill.catalog.models import Release
from modelmill.catalog.texts import metric_title, parameter_title
from modelmill.core.money import MICRO_PER_CENT, amount_text, micro_text, price_text
from modelmill.metering.meters import quantity_text
from modelmill.web.assets import asset_url
from modelmill.web.words import action_label, actor_label, state_label, state_tone

register = template.Library()

# Beyond it digits after the point say nothing, and a power of ten is hard to read.
_WHOLE_FROM = 10_000
_SHORT_ID = 6


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of the sprite (names: assets/icons.js); decoration, hidden from readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        asset_url("assets/icons.svg"),
        name,
    )


@register.simple_tag
def asset_css(source: str) -> SafeString | str:
    """Link a built stylesheet."""
    url = asset_url(source)
    return format_html('<link rel="stylesheet" href="{}">', url) if url else ""


@register.simple_tag
def asset_js(source: str) -> SafeString | str:
    """Load a built script as a module, after the page is read."""
    url = asset_url(source)
    return format_html('<script type="module" src="{}"></script>', url) if url else ""


@register.simple_tag
def language_tag(code: str) -> str:
    """Return the tag browsers and readers know: ``zh-hans`` → ``zh-Hans``."""
    return to_locale(code).replace("_", "-")


@register.inclusion_tag("components/_badge.html")
def badge(state: str) -> dict[str, str]:
    """Show a state as a coloured word: ``{% badge job.state %}``."""
    return {"label": state_label(state), "tone": state_tone(state)}


@register.filter
def money(amount_micro: int | None, currency: str = "USD") -> str:
    """Write micro-units as an amount to the cent; smaller amounts keep their digits."""
    return "–" if amount_micro is None else amount_text(amount_micro, currency=currency)


@register.filter
def price(amount_micro: int, currency: str = "USD") -> str:
    """Write a price with every digit that it has: one of 0.0125 is not one of 0.01."""
    return price_text(amount_micro, currency=currency)


@register.filter
def quantity(value: int | None) -> str:
    """Write a whole number with thousands apart."""
    return "–" if value is None else f"{value:,}"


@register.filter
def micro(amount_micro: int, currency: str = "USD") -> str:
    """Write an amount with all its digits, for those who add up."""
    return micro_text(amount_micro, currency=currency)


@register.filter
def cents(amount_cents: int, currency: str = "USD") -> str:
    """Write an amount that is in whole cents."""
    return money(amount_cents * MICRO_PER_CENT, currency)


@register.filter
def quantity_of(line: RatedLine) -> str:
    """Write a bill line's quantity in its meter's unit."""
    return quantity_text(line.meter, line.qty)


@register.filter
def as_json(value: object) -> str:
    """Write a value as JSON for a data attribute; the template escapes it."""
    return json.dumps(value, ensure_ascii=False)


@register.filter
def duration(seconds: int | None) -> str:
    """Write a length of time in its two largest units: ``2 h 5 min``, ``42 s``."""
    if seconds is None:
        return "–"
    minutes, rest_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
    seconds_text = _("%(seconds)s s") % {"seconds": rest_s}
    if not minutes:
        return seconds_text
    return _("%(minutes)s min") % {"minutes": minutes} + " " + seconds_text


@register.filter
def metric(value: object) -> str:
    """Write a metric with as many digits as say something."""
    if isinstance(value, float) and abs(value) < _WHOLE_FROM:
        return f"{value:.4g}"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


@register.filter
def short_id(row: Model) -> str:
    """Write the end of a row's id, which tells it from others of its name."""
    return f"…{str(row.pk)[-_SHORT_ID:]}"


@register.filter
def pairs(values: Mapping[str, object]) -> list[tuple[str, object]]:
    """List names with their values; in a template ``.items`` would be a metric of that name."""
    return list((values or {}).items())


@register.filter
def metric_called(name: str, release: Release) -> str:
    """Write what a metric of a plugin's release is called."""
    return metric_title(release.manifest, name)


@register.filter
def parameter_called(name: str, release: Release) -> str:
    """Write what a parameter of a plugin's release is called, where it is not English."""
    return parameter_title(release.manifest, name)


@register.filter(name="action_label")
def _action_label(action: str) -> str:
    """Write an audit entry's action for people."""
    return action_label(action)


@register.filter(name="actor_label")
def _actor_label(actor: str) -> str:
    """Write who did something for people."""
    return actor_label(actor)
