"""Who asks."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["key", "token", "anonymous"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks, and the scopes that were proven."""

    name: str
    scopes: frozenset[str]
    kind: Kind
    rate: int | None = None
    """Requests a minute, where the key has its own rate."""
    id: str = ""
    """The key's id or the token's subject: what the audit log has, and never a secret."""


ANONYMOUS = Caller(name="anonymous", scopes=frozenset(), kind="anonymous")
