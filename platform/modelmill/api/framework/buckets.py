"""Buckets of time in OpenAI's shape: ``start_time``, ``bucket_width``, ``group_by[]``, ``page``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.core.errors import InvalidRequest
from modelmill.metering.buckets import WIDTHS, UsageBucket, bucket_of
from modelmill.metering.selectors import UsageTotal

# Default and largest number of buckets on a page, as OpenAI has them.
_LIMITS: Final = {"1m": (60, 1440), "1h": (24, 168), "1d": (7, 31)}
_TIME_MAX_S: Final = 4_102_444_800


class BucketQueryInput(serializers.Serializer[Any]):
    """The query's parameters. Times are seconds since 1970; arrays are written ``name[]``."""

    start_time = serializers.IntegerField(min_value=0, max_value=_TIME_MAX_S)
    end_time = serializers.IntegerField(min_value=1, max_value=_TIME_MAX_S, required=False)
    bucket_width = serializers.ChoiceField(choices=list(WIDTHS), default="1d")
    limit = serializers.IntegerField(min_value=1, required=False)
    page = serializers.RegexField(
        r"^page_\d{1,10}$", required=False, help_text="the next_page of an answer"
    )
    group_by = serializers.ListField(child=serializers.CharField(), required=False)
    models = serializers.ListField(child=serializers.CharField(), required=False)
    api_key_ids = serializers.ListField(child=serializers.CharField(), required=False)
    meters = serializers.ListField(child=serializers.CharField(), required=False)


@dataclass(frozen=True, kw_only=True)
class BucketQuery:
    """A checked query: the times of one page of buckets, groups and filters."""

    start: datetime
    end: datetime
    last_end: datetime
    width: str
    group_by: Sequence[str]
    models: Sequence[str]
    api_key_ids: Sequence[str]
    meters: Sequence[str]

    @classmethod
    def of(
        cls, request: Request, *, groups: Mapping[str, str], widths: Sequence[str] = tuple(WIDTHS)
    ) -> "BucketQuery":
        """Read a request. ``groups`` maps the words of ``group_by`` to fields; "" is ignored.

        Raises ``InvalidRequest`` with the parameter that is wrong.
        """
        asked = BucketQueryInput(data=_params(request))
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        width = given["bucket_width"]
        if width not in widths:
            raise InvalidRequest(
                f"Choose bucket_width from: {', '.join(widths)}.", param="bucket_width"
            )
        step = WIDTHS[width]
        start = bucket_of(_moment(given["start_time"]), step)
        last_end = _moment(given["end_time"]) if "end_time" in given else timezone.now()
        if "page" in given:
            start = max(start, bucket_of(_moment(int(given["page"][5:])), step))
        if last_end <= start:
            raise InvalidRequest("end_time must be later than start_time.", param="end_time")
        return cls(
            start=start,
            end=min(start + step * _limit(given, width), last_end),
            last_end=last_end,
            width=width,
            group_by=_groups(given.get("group_by", []), groups),
            models=given.get("models", []),
            api_key_ids=given.get("api_key_ids", []),
            meters=given.get("meters", []),
        )

    @property
    def times(self) -> dict[str, Any]:
        """What ``usage_buckets`` takes of this query."""
        return {"start": self.start, "end": self.end, "width": self.width}

    def answer(
        self,
        buckets: list[UsageBucket],
        results: Callable[[datetime, list[UsageTotal]], Iterable[dict[str, Any]]],
    ) -> Response:
        """Answer one page of buckets, each with its results: made of its start and its sums."""
        has_more = self.end < self.last_end
        return Response(
            {
                "object": "page",
                "data": [
                    {
                        "object": "bucket",
                        "start_time": int(bucket.start.timestamp()),
                        "end_time": int(bucket.end.timestamp()),
                        "results": list(results(bucket.start, bucket.totals)),
                    }
                    for bucket in buckets
                ],
                "has_more": has_more,
                "next_page": f"page_{int(self.end.timestamp())}" if has_more else None,
            }
        )


def _params(request: Request) -> dict[str, Any]:
    """Read arrays as ``name[]`` (OpenAI's client) or as a repeated ``name``."""
    query = request.query_params
    arrays = ("group_by", "models", "api_key_ids", "meters")
    found: dict[str, Any] = {name: value for name, value in query.items() if name not in arrays}
    for name in arrays:
        values = [*query.getlist(f"{name}[]"), *query.getlist(name)]
        if values:
            found[name] = values
    return found


def _limit(given: Mapping[str, Any], width: str) -> int:
    default, largest = _LIMITS[width]
    limit = int(given.get("limit", default))
    if limit > largest:
        raise InvalidRequest(
            f"limit can be at most {largest} for buckets of {width}.", param="limit"
        )
    return limit


def _groups(asked: Sequence[str], known: Mapping[str, str]) -> list[str]:
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise InvalidRequest(f"Choose group_by from: {', '.join(known)}.", param="group_by")
    return [known[name] for name in dict.fromkeys(asked) if known[name]]


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
