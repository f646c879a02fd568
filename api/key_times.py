"""Moments and spans of time, as a command line has them."""

import re
from datetime import UTC, date, datetime, time, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,5})([mhdw])")


def span(text: str) -> timedelta:
    """Read `30m`, `24h`, `90d` or `2w`.

    Raises:
        ValueError: it is none of these.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no span of time such as 30m, 24h, 90d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def moment(text: str, now: datetime) -> datetime:
    """Read a span from now on, a day (its first moment in UTC), or a moment of ISO 8601.

    Raises:
        ValueError: it is none of these, or is over.
    """
    if _SPAN.fullmatch(text):
        try:
            found = now + span(text)
        except OverflowError:
            raise ValueError(f"{text!r} from now is beyond the calendar") from None
    else:
        found = _written(text)
    if found <= now:
        raise ValueError(f"{text!r} is over: give a moment to come")
    return found


def _written(text: str) -> datetime:
    try:
        if len(text) == len("2026-12-31"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a span such as 90d nor a moment such as 2026-12-31 or "
            "2026-12-31T18:00:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
