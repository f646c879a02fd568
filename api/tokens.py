"""OAuth 2 bearer tokens: JWTs, verified by the public keys of whoever issues them."""

import hashlib
import logging
import threading
import time
from typing import Any

import httpx
import jwt
from cachetools import LRUCache

from api.caller import Caller
from api.errors import KeySetError, UnauthorizedError
from malha.settings import Settings

LEEWAY = 30
"""Seconds by which the clocks of issuer and API may differ."""

REMEMBERED_FOR = 60.0
"""Seconds for which a token that was verified is not verified again."""

FRESH_FOR = 300.0
"""Seconds after which the keys are fetched again."""

STALE_FOR = 3600.0
"""Seconds for which keys are used whose server does not answer."""

ASK_AGAIN_AFTER = 30.0
"""Seconds between two fetches for a key that is not among those known."""

RETRY_AFTER = 5.0
"""Seconds between two fetches where the server did not answer."""

_TIMEOUT = 5
_LONGEST = 8192
_REMEMBERED = 4096
_ASYMMETRIC = ("RSA", "EC", "OKP")

log = logging.getLogger("malha.api")


class _Client(jwt.PyJWKClient):
    """Fetches keys from where it was told, and from nowhere that this place redirects to."""

    def fetch_data(self) -> Any:
        try:
            answer = httpx.get(self.uri, timeout=self.timeout, follow_redirects=False)
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise jwt.PyJWKClientConnectionError(str(error)) from error


class _KeySet:
    """The issuer's public keys. Whoever sends unknown key ids cannot make it fetch them often."""

    def __init__(self, url: str) -> None:
        self._client = _Client(url, cache_jwk_set=False, timeout=_TIMEOUT)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = float("-inf")
        self._not_before = float("-inf")
        self._lock = threading.Lock()

    def key(self, kid: str) -> jwt.PyJWK:
        """The key of this id.

        Raises:
            KeySetError: the server of the keys does not answer, and what is known is too old.
            UnauthorizedError: there is no such key.
        """
        self._refresh(kid)
        if time.monotonic() - self._fetched > STALE_FOR:
            raise KeySetError(
                "Tokens cannot be verified at the moment: the server of their keys does not answer"
            )
        key = self._keys.get(kid)
        if key is None:
            raise UnauthorizedError("The token is signed by a key that is not known")
        return key

    def _refresh(self, kid: str) -> None:
        """Fetch the keys where that is due."""
        usable = kid in self._keys and time.monotonic() - self._fetched <= STALE_FOR
        if not self._due(kid):
            return
        # Whoever has a key that will do does not wait for a server that may hang.
        if self._lock.acquire(blocking=not usable):
            try:
                if self._due(kid):
                    self._fetch()
            finally:
                self._lock.release()

    def _due(self, kid: str) -> bool:
        now = time.monotonic()
        old = kid not in self._keys or now - self._fetched > FRESH_FOR
        return old and now >= self._not_before

    def _fetch(self) -> None:
        try:
            found = self._client.get_signing_keys(refresh=True)
        except (jwt.PyJWTError, ValueError, OSError) as error:
            log.warning("the keys of tokens at %s cannot be had: %s", self._client.uri, error)
            self._not_before = time.monotonic() + RETRY_AFTER
            return
        # A shared secret among them must not make its holders issuers.
        self._keys = {
            key.key_id: key for key in found if key.key_id and key.key_type in _ASYMMETRIC
        }
        self._fetched = time.monotonic()
        self._not_before = self._fetched + ASK_AGAIN_AFTER


class TokenVerifier:
    """Verifies tokens of one issuer for one audience; safe for threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._algorithms = settings.api_token_algorithms.split(",")
        self._key_set = _KeySet(settings.api_jwks_url) if settings.api_jwks_url else None
        self._verified: LRUCache[bytes, tuple[Caller, float]] = LRUCache(_REMEMBERED)
        self._lock = threading.Lock()

    @property
    def on(self) -> bool:
        """Whether tokens are taken at all."""
        return self._key_set is not None

    def recall(self, text: str) -> Caller | None:
        """Who gave this token within the last minute; some microseconds, whatever the text is."""
        with self._lock:
            found = self._verified.get(_digest(text))
        if found is None:
            return None
        caller, until = found
        return caller if time.monotonic() < until else None

    def verify(self, text: str) -> Caller:
        """Whose token this is. It may wait for the server of the keys, some seconds at most.

        Raises:
            KeySetError: that server does not answer.
            UnauthorizedError: the token is not good, or none is taken here.
        """
        if self._key_set is None:
            raise UnauthorizedError("That is not an API key, and no other tokens are taken here")
        if caller := self.recall(text):
            return caller
        if len(text) > _LONGEST:
            raise UnauthorizedError(f"The token is longer than {_LONGEST} characters")
        try:
            claims = self._claims(text, self._key_set)
        except jwt.ExpiredSignatureError:
            raise UnauthorizedError("The token has expired") from None
        except jwt.InvalidAudienceError:
            raise UnauthorizedError("The token is for another audience") from None
        except jwt.InvalidIssuerError:
            raise UnauthorizedError("The token is of another issuer") from None
        except jwt.MissingRequiredClaimError as error:
            raise UnauthorizedError(f"The token has no {error.claim}") from None
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            log.info("a token was refused: %s", error)
            raise UnauthorizedError("The token is not valid") from None
        caller = self._caller(claims)
        left = min(REMEMBERED_FOR, float(claims["exp"]) - time.time())
        if left > 0:
            with self._lock:
                self._verified[_digest(text)] = caller, time.monotonic() + left
        return caller

    def _claims(self, text: str, key_set: _KeySet) -> dict[str, Any]:
        header = jwt.get_unverified_header(text)
        # Before any key is looked for: what is refused anyway must not cause a fetch.
        if header.get("alg") not in self._algorithms:
            raise UnauthorizedError(
                f"The token's algorithm is not one of {', '.join(self._algorithms)}"
            )
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise UnauthorizedError("The token does not say which key it is signed by (kid)")
        return jwt.decode(
            text,
            key_set.key(kid),
            algorithms=self._algorithms,
            audience=self._settings.api_token_audience,
            issuer=self._settings.api_token_issuer,
            leeway=LEEWAY,
            options={"require": ["exp", "iss", "aud"]},
        )

    def _caller(self, claims: dict[str, Any]) -> Caller:
        subject = claims.get("sub") or claims.get("client_id") or claims.get("azp")
        if not isinstance(subject, str) or not subject.isprintable():
            # One that cannot be written down could not be held to account.
            raise UnauthorizedError("The token has no sub that can be noted")
        claim = self._settings.api_token_scope_claim
        given = claims.get(claim) or []
        scopes = given.split() if isinstance(given, str) else given
        if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
            raise UnauthorizedError(f"The token's {claim} is neither a text nor a list of texts")
        return Caller(name=subject, scopes=frozenset(scopes), kind="token", id=subject)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
