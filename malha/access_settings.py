"""The settings of who may read what, and how much of it: a part of the table of settings."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _algorithms(text: str) -> str:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in _ALGORITHMS:
            raise ValueError(
                f"{name!r} is none of {', '.join(_ALGORITHMS)}: with a shared secret (HS*) or none "
                "at all, whoever verifies tokens could make them too"
            )
    return ",".join(names)


def _key_set(url: str) -> str:
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if url and not (safe and parts.hostname):
        raise ValueError(
            "is no https:// URL (http:// is for this machine alone): whoever could change the keys "
            "on their way could make tokens"
        )
    return url


class AccessSettings(BaseSettings):
    """Keys, tokens, limits and the audit log of the API."""

    api_keys_file: str = Field(
        "",
        description="The API's keys, a JSON file of mode 600; `malha-api keys` changes it. "
        "Default: api/keys.json in STACK_DIR",
    )
    api_jwks_url: Annotated[str, AfterValidator(_key_set)] = Field(
        "",
        description="Where the public keys of an OAuth 2 server are (JWKS, https). Its tokens are "
        "then taken; set API_TOKEN_ISSUER and API_TOKEN_AUDIENCE too",
    )
    api_token_issuer: str = Field(
        "", validate_default=True, description="What `iss` of a token has to be"
    )
    api_token_audience: str = Field(
        "", validate_default=True, description="What `aud` of a token has to be, or have in it"
    )
    api_token_algorithms: Annotated[str, AfterValidator(_algorithms)] = Field(
        "RS256,ES256", description="With which a token may be signed; HS* and none are refused"
    )
    api_token_scope_claim: str = Field(
        "scope",
        min_length=1,
        description="The claim that has a token's scopes: a text with blanks between, or a list",
    )
    api_key: str = Field(
        "",
        repr=False,
        description="The key with which `make demo` and its like ask the API. Embedded: that of "
        "the first `make up`",
    )
    api_rate_limit: int = Field(
        600,
        ge=0,
        description="Requests a minute that each caller has, in each process of the API; 0 is no "
        "limit. A key's own `--rate` comes before it",
    )
    api_auth_failure_limit: int = Field(
        30,
        ge=0,
        description="Wrong keys and tokens a minute after which an address has to wait, in each "
        "process of the API; 0 is no limit",
    )
    api_audit_log: str = Field(
        "",
        description="Where each access is noted as a line of JSON: a path, or `-` for standard "
        "output. Default: logs/api-audit.log in STACK_DIR",
    )

    @field_validator("api_token_issuer", "api_token_audience")
    @classmethod
    def _complete(cls, value: str, info: ValidationInfo) -> str:
        url = info.data.get("api_jwks_url")
        if url is None:  # is refused for itself
            return value
        if url and not value:
            raise ValueError("API_JWKS_URL is set: tokens made for others would be taken without")
        if value and not url:
            raise ValueError("is of no use without API_JWKS_URL: set both, or none")
        return value
