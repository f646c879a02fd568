"""API keys: which are let in. The file is read again when it changes."""

import logging
import re
import threading
import time
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from cachetools import LRUCache

from api.caller import Caller
from api.errors import KeysFileError, UnauthorizedError
from api.key_file import ARGON2, SHA256, Keys, StoredKey, hash_of, read

PREFIX = "malha_"
"""What every key begins with."""

LOOK_EVERY = 1.0
"""Seconds between two looks at the file."""

_REMEMBERED = 4096
_KEY = re.compile(r"malha_([a-z0-9]{8,12})_([A-Za-z0-9_-]{43,86})")
_Signature = tuple[int, int, int] | None
_UNREADABLE: _Signature = (0, 0, 0)
"""Of a file that is tried again at each look."""

log = logging.getLogger("malha.api")

# Of keys from before: each is taken until it is rotated.
_argon2 = PasswordHasher()


class _Known:
    """The keys of one state of the file, and the texts that were proven against them.

    Both go together: what an old state has proven cannot come into a new one, whoever is slow.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._by_hash = {
            key.hash: (_caller(key), _ends(key))
            for key in keys.values()
            if key.hash.startswith(SHA256)
        }
        self._proven: LRUCache[str, tuple[Caller, float]] = LRUCache(_REMEMBERED)
        """Of Argon2id's, which take tens of milliseconds."""
        self._lock = threading.Lock()

    def recall(self, hashed: str) -> Caller | None:
        """Whose key this is the hash of, unless it has expired."""
        found = self._by_hash.get(hashed)
        if found is None:
            with self._lock:
                found = self._proven.get(hashed)
        if found is None:
            return None
        caller, until = found
        return caller if time.time() < until else None

    def remember(self, hashed: str, caller: Caller, until: float) -> None:
        with self._lock:
            self._proven[hashed] = (caller, until)


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
        """Whose key this is, if that can be said in microseconds, whatever the text is."""
        self._look()
        return self._known.recall(hash_of(text))

    def verify(self, text: str) -> Caller:
        """Whose key this is. One from before takes Argon2's tens of milliseconds the first time:
        call it where nothing else has to wait.

        Raises:
            UnauthorizedError: it is no key, or one that is revoked or has expired.
        """
        self._look()
        hashed = hash_of(text)
        if caller := self._known.recall(hashed):
            return caller
        shape = _KEY.fullmatch(text)
        if shape is None:
            raise UnauthorizedError("That is not an API key: one reads malha_<id>_<secret>")
        identity, secret = shape.groups()
        known = self._known
        key = known.keys.get(identity)
        if key is None or not self._is(key, hashed, secret):
            raise UnauthorizedError("The API key is not known")
        state = key.state(datetime.fromtimestamp(time.time(), UTC))
        if state != "active":
            when = "has expired" if state == "expired" else "was revoked"
            raise UnauthorizedError(f"The API key {key.id} {when}")
        caller = _caller(key)
        known.remember(hashed, caller, _ends(key))
        return caller

    def _is(self, key: StoredKey, hashed: str, secret: str) -> bool:
        if not key.hash.startswith(ARGON2):
            return compare_digest(key.hash, hashed)
        # One at a time: each takes tens of MB, and a flood of wrong keys must not take them all.
        with self._proving:
            return _matches(key.hash, secret)

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
            signature = _UNREADABLE
        if signature == self._signature != _UNREADABLE:
            return
        # Before it is read: a change while it is being read is then noticed the next time.
        self._signature = signature
        try:
            self._known = _Known(read(self._path))
        except KeysFileError as error:
            if self._problem != str(error):
                log.error("%s; the keys from before stay in force", error)
            self._problem = str(error)
            if isinstance(error.__cause__, OSError):
                # Who may read it can change without a change of the file.
                self._signature = _UNREADABLE
        else:
            self._problem = None
            if signature and status.st_mode & 0o077:
                log.warning(
                    "%s can be read by others than its owner: chmod 600, unless that is meant",
                    self._path,
                )


def _caller(key: StoredKey) -> Caller:
    return Caller(name=key.name, scopes=frozenset(key.scopes), kind="key", rate=key.rate, id=key.id)


def _ends(key: StoredKey) -> float:
    """The moment from which the key is not let in, in seconds of Unix."""
    moments = [moment.timestamp() for moment in (key.expires, key.revoked) if moment is not None]
    return min(moments, default=float("inf"))


def _matches(stored: str, secret: str) -> bool:
    try:
        return _argon2.verify(stored, secret)
    except (Argon2Error, InvalidHashError):
        return False
