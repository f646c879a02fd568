"""Who may read what: from the headers of a request to what is masked and filtered.

guard = Guard(settings)
caller = guard.recall(authorization, x_api_key) or guard.authenticate(…)
check_read(caller, product)
rights = rights_of(caller, product)
"""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from api.caller import ANONYMOUS, Caller, Kind
from api.errors import ForbiddenError, UnauthorizedError
from api.keys import PREFIX, KeyStore
from api.ratelimit import RateLimiter
from api.tokens import TokenVerifier
from malha.manifest import Product
from malha.scopes import ALL, DOMAIN, PRODUCT
from malha.serving import Mask, RowFilter
from malha.settings import Settings

__all__ = ["ANONYMOUS", "Caller", "Guard", "Kind", "Rights", "check_read", "may_read", "rights_of"]


@dataclass(frozen=True, slots=True)
class Rights:
    """What of a product's rows a caller sees. Equal for all who see the same."""

    masks: tuple[Mask, ...] = ()
    """The columns that are masked."""
    predicates: tuple[str, ...] = ()
    """Conditions in Spark's SQL that each row has to meet: to be read with sqlglot, not pasted."""
    fingerprint: str = field(init=False, compare=False)
    """Short, and the same in every process: for keys of caches and for ETags."""

    def __post_init__(self) -> None:
        parts = [[(mask.column, mask.show) for mask in self.masks], self.predicates]
        digest = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
        object.__setattr__(self, "fingerprint", digest[:12])

    @property
    def masked(self) -> dict[str, str | None]:
        """What is shown in each masked column: a text, or null.

        What is masked must not be filtered, sorted or grouped by either, as the value would show.
        """
        return {mask.column: mask.show for mask in self.masks}


EVERYTHING = Rights()


def may_read(caller: Caller, product: Product) -> bool:
    """Whether a caller may read a product, all or part of its rows."""
    scopes = caller.scopes
    return (
        product.open
        or ALL in scopes
        or PRODUCT + product.name in scopes
        or (bool(product.base_name) and PRODUCT + product.base_name in scopes)
        or (bool(product.domain) and DOMAIN + product.domain in scopes)
    )


def check_read(caller: Caller, product: Product) -> None:
    """See that a caller may read a product.

    Raises:
        UnauthorizedError: nobody knows who asks.
        ForbiddenError: the scope is missing.
    """
    if may_read(caller, product):
        return
    if caller.kind == "anonymous":
        raise UnauthorizedError(
            f"{product.name} is not open: send a key or a token as `Authorization: Bearer …`",
            given=False,
        )
    raise ForbiddenError(
        f"Your {caller.kind} may not read {product.name}: ask whoever gave it to you for the scope "
        f"{PRODUCT}{product.base_name or product.name}"
    )


def rights_of(caller: Caller, product: Product) -> Rights:
    """What of a product a caller sees; that it may read it at all is `check_read`'s to see.

    A mask or a filter is lifted by its own scope alone, which `*` does not imply.
    """
    if not product.masks and not product.row_filters:
        return EVERYTHING
    return _rights(
        tuple(mask for mask in product.masks if mask.unless not in caller.scopes),
        tuple(rule for rule in product.row_filters if rule.unless not in caller.scopes),
    )


@lru_cache(1024)
def _rights(masks: tuple[Mask, ...], filters: tuple[RowFilter, ...]) -> Rights:
    return Rights(masks, tuple(rule.where for rule in filters))


class Guard:
    """Knows callers by the headers of their requests; one a process, safe for threads."""

    def __init__(self, settings: Settings, limiter: RateLimiter | None = None) -> None:
        self.limiter = limiter or RateLimiter(settings)
        self.keys = KeyStore(settings.keys_path)
        self.tokens = TokenVerifier(settings)

    @property
    def problem(self) -> str | None:
        """Why the keys cannot be read; None while all is well. For readiness."""
        return self.keys.problem

    def recall(self, authorization: str | None, x_api_key: str | None) -> Caller | None:
        """Who asks, if that can be said in microseconds: nobody's credential, or one proven before.

        None is for `authenticate` to decide, where waiting hinders nobody.
        """
        if authorization is None and x_api_key is None:
            return ANONYMOUS
        try:
            text = _credential(authorization, x_api_key)
        except UnauthorizedError:
            return None
        if text.startswith(PREFIX):
            return self.keys.recall(text)
        # A token comes as `Bearer` alone, also once it is known.
        return self.tokens.recall(text) if authorization is not None else None

    def authenticate(
        self, authorization: str | None, x_api_key: str | None, address: str = ""
    ) -> Caller:
        """Who asks. It may take tens of milliseconds, or seconds where keys have to be fetched.

        Args:
            authorization: the header of this name, `Bearer <key or token>`.
            x_api_key: the header X-API-Key, a key.
            address: the client's IP address, by which what is wrong is counted.

        Raises:
            UnauthorizedError: there is a credential, and it is no good.
            TooManyRequestsError: too many from this address were no good.
            KeySetError: the keys of tokens cannot be had.
        """
        if caller := self.recall(authorization, x_api_key):
            return caller
        self.limiter.check_failures(address)
        try:
            text = _credential(authorization, x_api_key)
            if text.startswith(PREFIX):
                return self.keys.verify(text)
            if authorization is None:
                raise UnauthorizedError("X-API-Key has no API key: one reads malha_<id>_<secret>")
            return self.tokens.verify(text)
        except UnauthorizedError:
            self.limiter.count_failure(address)
            raise


def _credential(authorization: str | None, x_api_key: str | None) -> str:
    """The one credential of a request."""
    if authorization is None:
        return (x_api_key or "").strip()
    scheme, _, text = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise UnauthorizedError("Authorization has no `Bearer <key or token>`")
    text = text.strip()
    if x_api_key is not None and x_api_key.strip() != text:
        raise UnauthorizedError("Authorization and X-API-Key differ: send one of them")
    return text
