"""Calendar months in UTC, which is what billing periods are cut by."""

from datetime import UTC, datetime, timedelta


def month_start(moment: datetime) -> datetime:
    """Return the beginning of a moment's calendar month, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_next(moment: datetime) -> datetime:
    """Return the beginning of the month after a moment's."""
    # A month has at most 31 days: 32 after its first is always the next one.
    return month_start(month_start(moment) + timedelta(days=32))
