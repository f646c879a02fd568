"""How often a caller may ask, and how often an address may be wrong.

A minute is a fixed window that begins with a caller's first request, so that two windows that meet
can let through twice the limit within a minute. Counts are in memory, each process having its own:
with two processes, a caller has up to twice its rate.
"""

import ipaddress
import math
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from api.caller import Caller
from api.errors import TooManyRequestsError
from malha.settings import Settings

WINDOW = 60
"""Seconds."""

_MOST_COUNTED = 50_000
"""Callers and addresses whose counts are kept."""


class Counters(Storage):
    """Counts in memory, for `limits`. Its own storage starts a thread whenever it counts after a
    pause, which costs more than all the rest of a hit, and keeps as many callers as there come.
    """

    STORAGE_SCHEME = None

    def __init__(self, most: int = _MOST_COUNTED) -> None:
        super().__init__()
        self._most = most
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and begin a new window of `expiry` seconds where the last one is over."""
        now = time.monotonic()
        with self._lock:
            count, ends = self._counts.get(key, (0, 0.0))
            if ends <= now:
                # The new one goes to the end: the first is then always one that ends first.
                self._counts.pop(key, None)
                self._make_room(now)
                count, ends = 0, now + expiry
            self._counts[key] = count + amount, ends
            return count + amount

    def get(self, key: str) -> int:
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > time.monotonic() else 0

    def get_expiry(self, key: str) -> float:
        return self._counts.get(key, (0, time.monotonic()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with self._lock:
            count = len(self._counts)
            self._counts.clear()
        return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._counts.pop(key, None)

    def _make_room(self, now: float) -> None:
        """Forget up to two windows that are over, and the oldest where there are too many."""
        for _ in range(2):
            first = next(iter(self._counts), None)
            if first is None:
                return
            if self._counts[first][1] > now and len(self._counts) < self._most:
                return
            del self._counts[first]


@dataclass(frozen=True, slots=True)
class Quota:
    """What a caller has, and what is left of it."""

    limit: int
    """Requests in a window of WINDOW seconds."""
    remaining: int
    reset: int
    """Seconds until the window is over."""

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has them."""
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={WINDOW}',
            "RateLimit": f'"default";r={self.remaining};t={self.reset}',
        }


class RateLimiter:
    """The limits of one process; safe for threads."""

    def __init__(self, settings: Settings) -> None:
        self._rate = settings.api_rate_limit
        self._failures = settings.api_auth_failure_limit
        self._limiter = FixedWindowRateLimiter(Counters())

    def hit(self, caller: Caller, address: str) -> Quota | None:
        """Count a request; None where there is no limit.

        Args:
            caller: who asks; somebody anonymous is counted by address.
            address: the client's IP address.

        Raises:
            TooManyRequestsError: the limit is used up.
        """
        rate = self._rate if caller.rate is None else caller.rate
        if rate <= 0:
            return None
        who = network_of(address) if caller.kind == "anonymous" else caller.id
        item = _per_minute(rate)
        key = item.key_for(caller.kind, who)
        count = self._limiter.storage.incr(key, WINDOW)
        reset = self._seconds_left(key)
        quota = Quota(limit=rate, remaining=max(0, rate - count), reset=reset)
        if count > rate:
            raise TooManyRequestsError(
                f"{rate} requests a minute are used up: ask again in {reset} s",
                retry_after=reset,
                headers=quota.headers(),
            )
        return quota

    def check_failures(self, address: str) -> None:
        """See that an address was not wrong too often, before anything is verified for it.

        Raises:
            TooManyRequestsError: it was.
        """
        if not self._failures:
            return
        item = _per_minute(self._failures)
        if not self._limiter.test(item, "failure", network_of(address)):
            seconds = self._seconds_left(item.key_for("failure", network_of(address)))
            raise TooManyRequestsError(
                f"Too many wrong keys or tokens came from your address: try again in {seconds} s",
                retry_after=seconds,
            )

    def count_failure(self, address: str) -> None:
        """Count a key or token that was wrong."""
        if self._failures:
            self._limiter.hit(_per_minute(self._failures), "failure", network_of(address))

    def _seconds_left(self, key: str) -> int:
        return max(1, math.ceil(self._limiter.storage.get_expiry(key) - time.monotonic()))


@lru_cache(1024)
def _per_minute(rate: int) -> Any:
    return RateLimitItemPerMinute(rate)


@lru_cache(4096)
def network_of(address: str) -> str:
    """The address to count by: whoever has one of IPv6 has all of its /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
