"""The file of API keys: how it is read and changed. `keys.py` decides who is let in by it."""

import fcntl
import os
import secrets
import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import argon2
import msgspec

from api.errors import KeysFileError

_ID_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 10
_SECRET_BYTES = 32

# The least that OWASP's cheat sheet on password storage advises. A secret of 256 random bits cannot
# be guessed from its hash at any cost; what counts here is that a wrong key costs 19 MiB, not 64.
hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

State = Literal["active", "expired", "revoked"]


class StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key as the file has it; moments are in UTC."""

    id: str
    name: str
    hash: str
    """Argon2id, of the secret."""
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


def new_key(
    name: str,
    scopes: tuple[str, ...],
    expires: datetime | None = None,
    rate: int | None = None,
    created: datetime | None = None,
) -> tuple[StoredKey, str]:
    """A key to store, made now unless `created` says when, and its text, which nothing else has."""
    identity = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    stored = StoredKey(
        id=identity,
        name=name,
        hash=hasher.hash(secret),
        scopes=scopes,
        created=created or datetime.now(UTC).replace(microsecond=0),
        expires=expires,
        rate=rate,
    )
    return stored, f"malha_{identity}_{secret}"


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
        if not key.hash.startswith("$argon2id$"):
            raise KeysFileError(
                f"{path}: the hash of the key {key.id} is not Argon2id: "
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
