"""Cursors: where a page ended, signed, and pinned to the snapshot that it was read from."""

import datetime as dt
import hashlib
import secrets
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from api.columns import kind
from api.errors import InvalidParameter, InvalidRequestError
from api.query import Query
from malha.manifest import Column

_MAX_CHARACTERS = 16_384
"""It has to fit into a URL and a header."""


class _Json:
    """JSON with exact decimals, as itsdangerous wants it."""

    @staticmethod
    def dumps(value: Any) -> str:
        return msgspec.json.encode(value).decode()

    @staticmethod
    def loads(text: str | bytes) -> Any:
        return msgspec.json.decode(text)


class Cursors:
    """Makes cursors and reads them.

    Args:
        secret: what they are signed with; the same in all processes that serve one product.
        lifetime: seconds for which one can be used.
    """

    def __init__(self, secret: str, lifetime: float) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt="malha.cursor", serializer=_Json)
        self._lifetime = lifetime

    def make(self, query: Query, scope: str, snapshot: int | None, last: tuple[Any, ...]) -> str:
        """A cursor behind the row whose sorted columns have these values.

        Raises:
            InvalidRequestError: the values are too long to be sent with each request.
        """
        values = [_plain(value) for value in last]
        made = self._serializer.dumps([_digest(query, scope), snapshot, values])
        if len(made) > _MAX_CHARACTERS:
            message = "a text in it is too long for pages: sort by other columns, or use limit=all"
            raise InvalidRequestError(
                [InvalidParameter(parameter="sort", location="query", message=message)]
            )
        return made.decode() if isinstance(made, bytes) else made

    def read(self, text: str, query: Query, scope: str) -> tuple[int | None, tuple[Any, ...]]:
        """The snapshot and the values that `make` was given.

        Raises:
            InvalidRequestError: it is forged, too old, or of another question or caller's rights.
        """
        if len(text) > _MAX_CHARACTERS:
            raise _refused("it is none that this API has made")
        try:
            digest, snapshot, values = self._serializer.loads(text, max_age=int(self._lifetime))
        except SignatureExpired:
            raise _refused("it has expired: begin again without it") from None
        except (BadData, ValueError, TypeError, msgspec.DecodeError):
            raise _refused("it is none that this API has made") from None
        if digest != _digest(query, scope):
            raise _refused("it is of another query: keep all parameters but limit as they were")
        columns = {column.name: column for column in query.product.columns}
        return snapshot, tuple(
            None if value is None else _restored(columns[order.name], value)
            for order, value in zip(query.sort, values, strict=True)
        )


def secret_of(path: Path) -> str:
    """The secret in a file of mode 600, made where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(32), "ascii")
        # Of several processes that start together, one gives it to all.
        with suppress(FileExistsError):
            path.hardlink_to(made)
        made.unlink()
    return path.read_text("ascii")


def _digest(query: Query, scope: str) -> str:
    asked = repr((query.identity, scope))
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def _plain(value: Any) -> str | None:
    """As text that the column's parser reads to the same value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value)


def _restored(column: Column, text: str) -> Any:
    known = kind(column)
    if known.text:
        return text  # longer, perhaps, than a request may say
    if pa.types.is_floating(known.arrow):
        return float(text)  # the table may have values that are not finite
    return known.parse(text)


def _refused(message: str) -> InvalidRequestError:
    return InvalidRequestError(
        [InvalidParameter(parameter="cursor", location="query", message=message)]
    )
