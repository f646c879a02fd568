"""The file of API keys: how it is read and changed. `keys.py` decides who is let in by it."""

import fcntl
import hashlib
import os
import re
import secrets
import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from api.errors import KeysFileError

_ID_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 10
_SECRET_BYTES = 32

SHA256, ARGON2 = "sha256:", "$argon2id$"
"""What hashes begin with."""

_HASH = re.compile(r"sha256:[0-9a-f]{64}|\$argon2id\$.+")

State = Literal["active", "expired", "revoked"]


class StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key as the file has it; moments are in UTC."""

    id: str
    name: str
    hash: str
    """Of the whole key, as `hash_of` makes it; one from before has Argon2id's, of its secret."""
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    rate: int | None = None
    """Requests a minute; None is API_RATE_LIMIT."""

    def state(self, now: datetime) -> State:
        """Whether it is let in."""
        if self.revoked is not None and self.revoked <= now:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: list[StoredKey]
    version: Literal[1] = 1


Keys = dict[str, StoredKey]
"""By id, in the order in which they were made."""


def hash_of(text: str) -> str:
    """What is stored of a key. Of 256 random bits, a slow hash would protect no more."""
    return f"{SHA256}{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def new_key(
    name: str,
    scopes: tuple[str, ...],
    expires: datetime | None = None,
    rate: int | None = None,
    created: datetime | None = None,
) -> tuple[StoredKey, str]:
    """A key to store, made now unless `created` says when, and its text, which nothing else has."""
    identity = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    text = f"malha_{identity}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    stored = StoredKey(
        id=identity,
        name=name,
        hash=hash_of(text),
        scopes=scopes,
        created=created or datetime.now(UTC).replace(microsecond=0),
        expires=expires,
        rate=rate,
    )
    return stored, text


def read(path: Path) -> Keys:
    """The keys; none where there is no file.

    Raises:
        KeysFileError: the file cannot be read.
    """
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_Content)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise KeysFileError(
            f"{path} cannot be read as a file of keys ({error}): "
            "mend it, or put a copy from before in its place"
        ) from error
    keys = {key.id: key for key in content.keys}
    if len(keys) != len(content.keys):
        raise KeysFileError(f"{path} has an id twice: remove one of the two keys")
    for key in content.keys:
        moments = (key.created, key.expires, key.revoked)
        if any(moment is not None and moment.tzinfo is None for moment in moments):
            raise KeysFileError(
                f"{path}: a moment of the key {key.id} has no time zone: write 2026-01-31T00:00:00Z"
            )
        if not _HASH.fullmatch(key.hash):
            raise KeysFileError(
                f"{path}: the hash of the key {key.id} is none: "
                "make keys with `malha-api keys create`"
            )
    return keys


@contextmanager
def changing(path: Path) -> Iterator[Keys]:
    """The keys to change; at the end they take the file's place at once, with mode 600.

    A second change waits for the first. What reads the file meanwhile has the old one.

    Raises:
        KeysFileError: the file cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Not the file itself: what is locked must outlast its replacement.
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = read(path)
            yield keys
            _write(path, keys)
        finally:
            os.close(lock)
    except OSError as error:
        raise KeysFileError(
            f"{path} cannot be changed ({error}): see API_KEYS_FILE, and who may write there"
        ) from error


def _write(path: Path, keys: Keys) -> None:
    content = msgspec.json.format(msgspec.json.encode(_Content(list(keys.values()))))
    # mkstemp makes it readable by its owner alone.
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
