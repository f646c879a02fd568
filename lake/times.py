"""Moments as the commands write and read them."""

from datetime import UTC, datetime, timedelta


def age(since: datetime) -> str:
    """`3 minutes`, `2 days`: in the largest unit, rounded down."""
    seconds = max((datetime.now(UTC) - since) // timedelta(seconds=1), 0)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= length or unit == "second":
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError


def moment(time: datetime) -> str:
    """A moment as the commands take it back: UTC, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
