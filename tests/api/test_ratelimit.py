import time
from pathlib import Path

import pytest

from api.caller import ANONYMOUS, Caller
from api.errors import TooManyRequestsError
from api.ratelimit import Counters, RateLimiter, network_of
from malha.settings import Settings


@pytest.fixture
def limiter(tmp_path: Path) -> RateLimiter:
    return RateLimiter(Settings(stack_dir=tmp_path, api_rate_limit=3, api_auth_failure_limit=2))


def caller(identity: str = "k1", rate: int | None = None) -> Caller:
    return Caller(name="ana", scopes=frozenset(), kind="key", rate=rate, id=identity)


def test_caller_is_told_what_is_left(limiter: RateLimiter) -> None:
    quota = limiter.hit(caller(), "")
    assert quota is not None
    assert quota.headers() == {
        "RateLimit-Policy": '"default";q=3;w=60',
        "RateLimit": '"default";r=2;t=60',
    }


def test_request_over_the_limit_is_refused_with_when_to_come_back(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.hit(caller(), "")
    with pytest.raises(TooManyRequestsError, match="3 requests a minute are used up") as refused:
        limiter.hit(caller(), "")
    assert refused.value.status == 429
    assert 1 <= (refused.value.retry_after or 0) <= 60
    assert refused.value.headers["RateLimit"].startswith('"default";r=0;t=')


def test_each_caller_has_its_own_count(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.hit(caller(), "")
    assert limiter.hit(caller("k2"), "") is not None


def test_rate_of_a_key_comes_before_the_default(limiter: RateLimiter) -> None:
    quota = limiter.hit(caller(rate=1), "")
    assert quota is not None
    assert quota.limit == 1
    with pytest.raises(TooManyRequestsError):
        limiter.hit(caller(rate=1), "")


def test_anonymous_callers_are_told_apart_by_address(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.hit(ANONYMOUS, "198.51.100.1")
    with pytest.raises(TooManyRequestsError):
        limiter.hit(ANONYMOUS, "198.51.100.1")
    assert limiter.hit(ANONYMOUS, "198.51.100.2") is not None


def test_known_caller_is_not_counted_by_address(limiter: RateLimiter) -> None:
    for address in ("198.51.100.1", "198.51.100.2", "198.51.100.3"):
        limiter.hit(caller(), address)
    with pytest.raises(TooManyRequestsError):
        limiter.hit(caller(), "198.51.100.4")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_all_addresses_that_one_line_has_count_as_one(address: str, network: str) -> None:
    assert network_of(address) == network


def test_no_limit_is_no_header(tmp_path: Path) -> None:
    limiter = RateLimiter(Settings(stack_dir=tmp_path, api_rate_limit=0, api_auth_failure_limit=0))
    assert limiter.hit(caller(), "") is None
    for _ in range(100):
        limiter.count_failure("198.51.100.1")
        limiter.check_failures("198.51.100.1")


def test_window_ends_after_a_minute(monkeypatch: pytest.MonkeyPatch, limiter: RateLimiter) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(3):
        limiter.hit(caller(), "")
    now += 59
    with pytest.raises(TooManyRequestsError):
        limiter.hit(caller(), "")
    now += 1
    quota = limiter.hit(caller(), "")
    assert quota is not None
    assert (quota.remaining, quota.reset) == (2, 60)


def test_wrong_credentials_are_counted_by_address(limiter: RateLimiter) -> None:
    for _ in range(2):
        limiter.check_failures("198.51.100.1")
        limiter.count_failure("198.51.100.1")
    with pytest.raises(TooManyRequestsError, match="from your address"):
        limiter.check_failures("198.51.100.1")
    limiter.check_failures("198.51.100.2")


def test_counts_do_not_fill_the_memory() -> None:
    counters = Counters(most=100)
    for number in range(1000):
        counters.incr(str(number), 60)
    assert len(counters._counts) == 100
    assert counters.get("999") == 1


def test_windows_that_are_over_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters()
    for number in range(10):
        counters.incr(str(number), 60)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    for number in range(10, 20):
        counters.incr(str(number), 60)
    assert len(counters._counts) == 10
