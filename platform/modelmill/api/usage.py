"""Usage over time: any meter under ``/usage``, and OpenAI's shapes under ``/organization``."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.buckets import BucketQuery, BucketQueryInput
from modelmill.api.framework.views import TenantView
from modelmill.billing.costs import totals_amount_micro
from modelmill.billing.pinning import book_times
from modelmill.core.money import MICRO
from modelmill.metering.buckets import usage_buckets
from modelmill.metering.selectors import UsageTotal

_OPENAI_GROUPS = {
    "model": "model_id",
    "api_key_id": "api_key_id",
    # Known to OpenAI's clients, always null here.
    "project_id": "",
    "user_id": "",
    "batch": "",
    "size": "",
    "source": "",
}
_COST_GROUPS = {"line_item": "meter", "api_key_id": "api_key_id", "project_id": ""}
_OWN_GROUPS = {
    "meter": "meter",
    "plugin_id": "plugin_id",
    "model_id": "model_id",
    "api_key_id": "api_key_id",
    "billable": "billable",
}
_PRICED = ("meter", "plugin_id", "billable")

Groups = dict[tuple[Any, ...], list[UsageTotal]]


class UsageView(TenantView):
    """Any meter, with what it costs."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(
        operation_id="usage_list",
        parameters=[BucketQueryInput],
        responses=OpenApiTypes.OBJECT,
        tags=["usage"],
    )
    def get(self, request: Request) -> Response:
        """Sum usage in buckets, by meter and by what else ``group_by[]`` names.

        ``qty`` is all that was used, ``billable_qty`` what of it is charged.
        """
        query = BucketQuery.of(request, groups=_OWN_GROUPS)
        times = book_times(self.caller.tenant.id)
        # A quantity has a meaning only within its meter.
        groups = sorted({"meter", *query.group_by})

        def results(start: datetime, totals: list[UsageTotal]) -> Iterable[dict[str, Any]]:
            rates = times.rates_at(start)
            for key, parts in _grouped(totals, groups).items():
                yield {
                    "object": "usage.result",
                    **dict(zip(groups, key, strict=True)),
                    "qty": sum(part.qty for part in parts),
                    "billable_qty": sum(part.qty for part in parts if part.billable),
                    "event_count": sum(part.event_count for part in parts),
                    "amount_micro": totals_amount_micro(parts, rates=rates),
                }

        return query.answer(
            usage_buckets(
                **query.times, group_by={*groups, *_PRICED}, where=_where(query, meters=True)
            ),
            results,
        )


class UsageCompletionsView(TenantView):
    """Text, as OpenAI's ``admin.organization.usage.completions`` reads it."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(
        operation_id="organization_usage_completions",
        parameters=[BucketQueryInput],
        responses=OpenApiTypes.OBJECT,
        tags=["usage"],
    )
    def get(self, request: Request) -> Response:
        """Sum tokens read and written."""
        query = BucketQuery.of(request, groups=_OPENAI_GROUPS)

        def results(_start: datetime, totals: list[UsageTotal]) -> Iterable[dict[str, Any]]:
            for names, parts in _named(totals, query):
                yield {
                    "object": "organization.usage.completions.result",
                    "input_tokens": _qty(parts, "tokens_in"),
                    "output_tokens": _qty(parts, "tokens_out"),
                    "num_model_requests": _count(parts, "tokens_out"),
                    "user_id": None,
                    "batch": None,
                    **names,
                }

        where = _where(query) & Q(meter__in=["tokens_in", "tokens_out"])
        groups = {"meter", *query.group_by}
        return query.answer(usage_buckets(**query.times, group_by=groups, where=where), results)


class UsageImagesView(TenantView):
    """Pictures, as OpenAI's ``admin.organization.usage.images`` reads them."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(
        operation_id="organization_usage_images",
        parameters=[BucketQueryInput],
        responses=OpenApiTypes.OBJECT,
        tags=["usage"],
    )
    def get(self, request: Request) -> Response:
        """Sum pictures made."""
        query = BucketQuery.of(request, groups=_OPENAI_GROUPS)

        def results(_start: datetime, totals: list[UsageTotal]) -> Iterable[dict[str, Any]]:
            for names, parts in _named(totals, query):
                yield {
                    "object": "organization.usage.images.result",
                    "images": _qty(parts, "images"),
                    "num_model_requests": _count(parts, "images"),
                    "user_id": None,
                    "size": None,
                    "source": None,
                    **names,
                }

        groups = {"meter", *query.group_by}
        where = _where(query) & Q(meter="images")
        return query.answer(usage_buckets(**query.times, group_by=groups, where=where), results)


class CostsView(TenantView):
    """Money by day, as OpenAI's ``admin.organization.costs`` reads it."""

    permissions: ClassVar[dict[str, str]] = {"GET": "billing:read"}

    @extend_schema(
        operation_id="organization_costs",
        parameters=[BucketQueryInput],
        responses=OpenApiTypes.OBJECT,
        tags=["usage"],
    )
    def get(self, request: Request) -> Response:
        """Sum costs; ``amount.micro`` is exact to the millionth, ``amount.value`` for reading."""
        query = BucketQuery.of(request, groups=_COST_GROUPS, widths=("1d",))
        times = book_times(self.caller.tenant.id)
        currency = times.subscription.book.currency.lower()
        by_meter = "meter" in query.group_by

        def results(start: datetime, totals: list[UsageTotal]) -> Iterable[dict[str, Any]]:
            rates = times.rates_at(start)
            for key, parts in _grouped(totals, query.group_by).items():
                names = dict(zip(query.group_by, key, strict=True))
                micro = totals_amount_micro(parts, rates=rates)
                yield {
                    "object": "organization.costs.result",
                    "amount": {
                        "value": micro / MICRO,
                        "micro": micro,
                        "currency": currency,
                    },
                    "line_item": names.get("meter"),
                    "project_id": None,
                    "api_key_id": names.get("api_key_id") or None,
                    "quantity": sum(part.qty for part in parts) if by_meter else None,
                    "quantity_unit": names.get("meter"),
                }

        groups = {*query.group_by, *_PRICED}
        found = usage_buckets(**query.times, group_by=groups, where=_where(query))
        return query.answer(found, results)


def _where(query: BucketQuery, *, meters: bool = False) -> Q:
    where = Q()
    if query.models:
        where &= Q(model_id__in=query.models)
    if query.api_key_ids:
        where &= Q(api_key_id__in=query.api_key_ids)
    if meters and query.meters:
        where &= Q(meter__in=query.meters)
    return where


def _grouped(totals: list[UsageTotal], names: Iterable[str]) -> Groups:
    groups: Groups = {}
    for total in totals:
        groups.setdefault(tuple(getattr(total, name) for name in names), []).append(total)
    return groups


def _named(
    totals: list[UsageTotal], query: BucketQuery
) -> Iterable[tuple[dict[str, Any], list[UsageTotal]]]:
    for key, parts in _grouped(totals, query.group_by).items():
        found = dict(zip(query.group_by, key, strict=True))
        yield (
            {
                "project_id": None,
                "model": found.get("model_id") or None,
                "api_key_id": found.get("api_key_id") or None,
            },
            parts,
        )


def _qty(parts: list[UsageTotal], meter: str) -> int:
    return sum(part.qty for part in parts if part.meter == meter)


def _count(parts: list[UsageTotal], meter: str) -> int:
    return sum(part.event_count for part in parts if part.meter == meter)


routes = [
    path("usage", UsageView.as_view(), name="usage"),
    path(
        "organization/usage/completions",
        UsageCompletionsView.as_view(),
        name="organization-usage-completions",
    ),
    path("organization/usage/images", UsageImagesView.as_view(), name="organization-usage-images"),
    path("organization/costs", CostsView.as_view(), name="organization-costs"),
]
