"""API keys: which are let in. The file is read again when it changes."""

import hashlib
import logging
import re
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from argon2.exceptions import Argon2Error, InvalidHashError
from cachetools import LRUCache

from api.caller import Caller
from api.errors import KeysFileError, UnauthorizedError
from api.key_file import Keys, StoredKey, hasher, new_key, read

PREFIX = "malha_"
"""What every key begins with."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the file."""

_REMEMBERED = 4096
_KEY = re.compile(r"malha_([a-z0-9]{8,12})_([A-Za-z0-9_-]{43,86})")
_Signature = tuple[int, int, int] | None

log = logging.getLogger("malha.api")

# What an unknown id is verified against, so that it takes as long as a known one.
_NOBODY = new_key("nobody", ())[0].hash


class _Known:
    """The keys of one state of the file, and the texts that were proven against them.

    Both go together: what an old state has proven cannot come into a new one, whoever is slow.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._proven: LRUCache[bytes, tuple[Caller, float]] = LRUCache(_REMEMBERED)
        self._lock = threading.Lock()

    def recall(self, digest: bytes) -> Caller | None:
        """Who gave this text before, unless the key has expired since."""
        with self._lock:
            found = self._proven.get(digest)
        if found is None:
            return None
        caller, until = found
        return caller if time.time() < until else None

    def remember(self, digest: bytes, caller: Caller, until: float) -> None:
        with self._lock:
            self._proven[digest] = (caller, until)


class KeyStore:
    """The keys of one file, for one process; safe for threads.

    A change of the file is in force after LOOK_EVERY at the latest. While the file cannot be read,
    the keys from before stay in force and `problem` says why.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _Known({})
        self._signature: _Signature = None
        self._problem: str | None = None
        self._look_at = 0.0
        self._looking = threading.Lock()
        self._proving = threading.Lock()

    @property
    def problem(self) -> str | None:
        """Why the file cannot be read; None while all is well. For readiness."""
        self._look()
        return self._problem

    def recall(self, text: str) -> Caller | None:
        """Who gave this key before; some microseconds, whatever the text is."""
        self._look()
        return self._known.recall(_digest(text))

    def verify(self, text: str) -> Caller:
        """Whose key this is. The first time it takes Argon2's tens of milliseconds, as does a
        wrong key each time: call it where nothing else has to wait.

        Raises:
            UnauthorizedError: it is no key, or one that is revoked or has expired.
        """
        self._look()
        digest = _digest(text)
        if caller := self._known.recall(digest):
            return caller
        shape = _KEY.fullmatch(text)
        if shape is None:
            raise UnauthorizedError("That is not an API key: one reads malha_<id>_<secret>")
        identity, secret = shape.groups()
        # One at a time: each takes 19 MiB, and a flood of wrong keys must not take them all.
        with self._proving:
            known = self._known
            if caller := known.recall(digest):
                return caller
            key = known.keys.get(identity)
            proven = _matches(key.hash if key else _NOBODY, secret)
        if key is None or not proven:
            raise UnauthorizedError("The API key is not known")
        state = key.state(datetime.fromtimestamp(time.time(), UTC))
        if state != "active":
            when = "has expired" if state == "expired" else "was revoked"
            raise UnauthorizedError(f"The API key {key.id} {when}")
        caller = _caller(key)
        known.remember(digest, caller, _ends(key))
        return caller

    def _look(self) -> None:
        """Read the file again if it changed, at most once in LOOK_EVERY."""
        if time.monotonic() < self._look_at or not self._looking.acquire(blocking=False):
            return
        try:
            self._read_if_changed()
            self._look_at = time.monotonic() + LOOK_EVERY
        finally:
            self._looking.release()

    def _read_if_changed(self) -> None:
        signature: _Signature
        try:
            status = self._path.stat()
            signature = (status.st_mtime_ns, status.st_size, status.st_ino)
        except FileNotFoundError:
            signature = None
        except OSError:
            # Reading it fails too, and says why.
            signature = (0, 0, 0)
        if signature == self._signature:
            return
        # Before it is read: a change while it is being read is then noticed the next time.
        self._signature = signature
        try:
            self._known = _Known(read(self._path))
        except KeysFileError as error:
            self._problem = str(error)
            log.error("%s; the keys from before stay in force", error)
        else:
            self._problem = None


def _caller(key: StoredKey) -> Caller:
    return Caller(name=key.name, scopes=frozenset(key.scopes), kind="key", rate=key.rate, id=key.id)


def _ends(key: StoredKey) -> float:
    """The moment from which the key is not let in, in seconds of Unix."""
    moments = [moment.timestamp() for moment in (key.expires, key.revoked) if moment is not None]
    return min(moments, default=float("inf"))


def _matches(stored: str, secret: str) -> bool:
    try:
        return hasher.verify(stored, secret)
    except (Argon2Error, InvalidHashError):
        return False


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
