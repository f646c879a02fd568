"""Tokens, verified by keys that a server on loopback gives out."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api import tokens
from api.access import Guard
from api.errors import KeySetError, UnauthorizedError
from api.tokens import TokenVerifier
from malha.settings import Settings

ISSUER = "https://idp.example/"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def public(key: Any, kid: str) -> dict[str, Any]:
    algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}


class Issuer:
    """A server of keys that counts how often it is asked."""

    def __init__(self) -> None:
        self.keys = [public(RSA_KEY, "rsa"), public(EC_KEY, "ec")]
        self.answer: bytes | None = None
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                if issuer.answer == b"":
                    self.send_error(500)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(issuer.answer or json.dumps({"keys": issuer.keys}).encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/jwks"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


@pytest.fixture
def settings(issuer: Issuer, tmp_path: Path) -> Settings:
    return Settings(
        stack_dir=tmp_path,
        api_jwks_url=issuer.url,
        api_token_issuer=ISSUER,
        api_token_audience="malha",
    )


@pytest.fixture
def verifier(settings: Settings) -> TokenVerifier:
    return TokenVerifier(settings)


def claims(**given: Any) -> dict[str, Any]:
    all_claims = {
        "iss": ISSUER,
        "aud": "malha",
        "sub": "ana",
        "exp": time.time() + 600,
        "scope": "domain:vendas pii",
        **given,
    }
    return {name: value for name, value in all_claims.items() if value is not None}


def token(
    key: Any = RSA_KEY, kid: str | None = "rsa", algorithm: str = "RS256", **given: Any
) -> str:
    headers = {"kid": kid} if kid else None
    return jwt.encode(claims(**given), key, algorithm=algorithm, headers=headers)


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def forged(header: dict[str, Any], secret: bytes | None) -> str:
    """A token that no library would make: signed with a public key, or by nobody."""
    text = f"{part(header)}.{part(claims())}"
    if secret is None:
        return f"{text}."
    signature = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_token_is_its_subject_with_scopes(verifier: TokenVerifier) -> None:
    caller = verifier.verify(token())
    assert (caller.name, caller.id, caller.kind, caller.rate) == ("ana", "ana", "token", None)
    assert caller.scopes == {"domain:vendas", "pii"}


def test_elliptic_curves_are_taken_too(verifier: TokenVerifier) -> None:
    assert verifier.verify(token(EC_KEY, "ec", "ES256")).name == "ana"


def test_what_has_just_expired_is_within_the_leeway(verifier: TokenVerifier) -> None:
    assert verifier.verify(token(exp=time.time() - 10)).name


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        ({"scope": ["pii", "*"]}, {"pii", "*"}),
        ({"scope": ""}, set()),
        ({"scope": None}, set()),
        ({"aud": ["other", "malha"]}, {"domain:vendas", "pii"}),
        ({"sub": None, "client_id": "job"}, {"domain:vendas", "pii"}),
    ],
)
def test_what_issuers_write_differently_is_understood(
    verifier: TokenVerifier, given: dict[str, Any], scopes: set[str]
) -> None:
    assert verifier.verify(token(**given)).scopes == scopes


def test_scopes_are_in_the_claim_that_the_setting_names(settings: Settings) -> None:
    verifier = TokenVerifier(settings.model_copy(update={"api_token_scope_claim": "scp"}))
    assert verifier.verify(token(scp=["pii"])).scopes == {"pii"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (lambda: token(iss="https://other.example/"), "another issuer"),
        (lambda: token(iss=None), "no iss"),
        (lambda: token(aud="other"), "another audience"),
        (lambda: token(aud=None), "no aud"),
        (lambda: token(exp=time.time() - 60), "has expired"),
        (lambda: token(exp=None), "no exp"),
        (lambda: token(exp="soon"), "not valid"),
        (lambda: token(sub=None), "no sub"),
        (lambda: token(sub=7), "not valid"),
        (lambda: token(scope=7), "scope is neither a text nor a list"),
        (lambda: token(scope=[7]), "scope is neither a text nor a list"),
        (lambda: token(scope={"pii": 1}), "scope is neither a text nor a list"),
        (lambda: token(nbf=time.time() + 600), "not valid"),
        (lambda: token(OTHER_KEY), "not valid"),
        (lambda: token(kid=None), r"which key it is signed by"),
        (lambda: token(kid="unknown"), "a key that is not known"),
        (lambda: token(EC_KEY, "rsa", "ES256"), "not valid"),
        (lambda: token(algorithm="RS512"), "algorithm is not one of RS256, ES256"),
        (lambda: forged({"alg": "none", "kid": "rsa"}, None), "algorithm is not one of"),
        (lambda: forged({"alg": "None", "kid": "rsa"}, None), "algorithm is not one of"),
        (lambda: forged({"alg": "HS256", "kid": "rsa"}, PEM), "algorithm is not one of"),
        (lambda: forged({"alg": "RS256", "kid": "rsa"}, PEM), "not valid"),
        (
            lambda: forged({"alg": ["RS256"], "kid": "rsa"}, PEM),
            "algorithm is not one of|not valid",
        ),
        (lambda: forged({"alg": "RS256", "kid": ["rsa"]}, PEM), "which key|not valid"),
        (lambda: token()[:-8] + "AAAAAAAA", "not valid"),
        (lambda: "a.b.c", "not valid"),
        (lambda: "abc", "not valid"),
        (lambda: "é", "not valid"),
        (lambda: "x" * 10_000, "longer than 8192"),
    ],
)
def test_bad_token_is_refused_with_a_reason(
    verifier: TokenVerifier, text: Any, reason: str
) -> None:
    with pytest.raises(UnauthorizedError, match=reason):
        verifier.verify(text())


def test_shared_secret_among_the_keys_makes_nobody_an_issuer(
    settings: Settings, issuer: Issuer
) -> None:
    secret = base64.urlsafe_b64encode(b"s" * 32).rstrip(b"=").decode()
    issuer.keys.append({"kty": "oct", "k": secret, "kid": "shared", "use": "sig"})
    forged_by_holder = forged({"alg": "HS256", "kid": "shared"}, b"s" * 32)
    with pytest.raises(UnauthorizedError):
        TokenVerifier(settings).verify(forged_by_holder)


def test_verified_token_is_recalled_for_a_minute_and_not_beyond_its_end(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = token(), token(exp=time.time() + 20)
    assert verifier.recall(long) is None
    verifier.verify(long)
    verifier.verify(short)
    assert verifier.recall(long) is not None
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 21)
    assert verifier.recall(short) is None
    assert verifier.recall(long) is not None
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert verifier.recall(long) is None


def test_keys_are_fetched_once_for_many_tokens(verifier: TokenVerifier, issuer: Issuer) -> None:
    for subject in ("ana", "rui", "eva"):
        verifier.verify(token(sub=subject))
    assert issuer.asked == 1


def test_new_key_of_the_issuer_is_found_and_unknown_ones_are_not_asked_for_at_will(
    verifier: TokenVerifier, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier.verify(token())
    issuer.keys.append(public(OTHER_KEY, "new"))
    for number in range(5):
        with pytest.raises(UnauthorizedError, match="a key that is not known"):
            verifier.verify(token(kid=f"unknown-{number}"))
    assert issuer.asked == 1
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + tokens.ASK_AGAIN_AFTER + 1)
    assert verifier.verify(token(OTHER_KEY, "new")).name == "ana"
    assert issuer.asked == 2


@pytest.mark.parametrize("answer", [b"", b"{", b"[]", b'{"keys": []}', b"\xff"])
def test_issuer_that_does_not_answer_is_no_fault_of_the_token(
    settings: Settings, issuer: Issuer, answer: bytes
) -> None:
    issuer.answer = answer
    verifier = TokenVerifier(settings)
    for _ in range(3):
        with pytest.raises(KeySetError, match="does not answer") as failed:
            verifier.verify(token())
        assert failed.value.status == 503
        assert failed.value.retry_after
    assert issuer.asked == 1


def test_issuer_that_is_not_there_is_a_503(settings: Settings, issuer: Issuer) -> None:
    issuer.server.shutdown()
    issuer.server.server_close()
    with pytest.raises(KeySetError):
        TokenVerifier(settings).verify(token())
    issuer.server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=issuer.server.serve_forever, args=(0.02,), daemon=True).start()


def test_keys_outlive_an_outage_of_their_server_for_an_hour(
    verifier: TokenVerifier, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier.verify(token())
    issuer.answer = b""
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + tokens.FRESH_FOR + 1)
    assert verifier.verify(token(sub="rui")).name == "rui"
    assert issuer.asked == 2
    monkeypatch.setattr(time, "monotonic", lambda: now + tokens.STALE_FOR + 60)
    with pytest.raises(KeySetError):
        verifier.verify(token(sub="eva"))


def test_key_that_the_issuer_takes_back_is_forgotten(
    verifier: TokenVerifier, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier.verify(token())
    issuer.keys = issuer.keys[1:]
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + tokens.FRESH_FOR + 1)
    with pytest.raises(UnauthorizedError, match="not known"):
        verifier.verify(token(sub="rui"))


def test_tokens_are_off_without_settings(tmp_path: Path) -> None:
    verifier = TokenVerifier(Settings(stack_dir=tmp_path))
    assert not verifier.on
    with pytest.raises(UnauthorizedError, match="no other tokens are taken here"):
        verifier.verify(token())


def test_guard_takes_a_token_as_bearer_and_not_as_a_key(settings: Settings) -> None:
    guard = Guard(settings)
    text = token()
    assert guard.authenticate(f"Bearer {text}", None).kind == "token"
    assert guard.recall(f"Bearer {text}", None) is not None
    with pytest.raises(UnauthorizedError, match="X-API-Key has no API key"):
        guard.authenticate(None, token(sub="rui"))


def test_outage_of_the_issuer_is_not_counted_against_an_address(
    settings: Settings, issuer: Issuer
) -> None:
    issuer.answer = b""
    guard = Guard(settings.model_copy(update={"api_auth_failure_limit": 1}))
    for _ in range(3):
        with pytest.raises(KeySetError):
            guard.authenticate(f"Bearer {token()}", None, "198.51.100.1")
