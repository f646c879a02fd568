"""Placeholder until the audit log is merged."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Access:
    request_id: str
    caller: str | None
    kind: str | None
    method: str
    path: str
    product: str | None
    columns: tuple[str, ...]
    rows: int
    snapshot: int | None
    status: int
    ms: float
    client: str


class Audit:
    def __init__(self, settings: Any) -> None: ...
    def write(self, access: Access) -> None: ...
