"""One run of a source at a time, on this machine and on all that share the metastore.

Two locks, since each covers what the other does not. The file lock ends with its process, however
that ends, and does not end while the process is only frozen. The metastore's is seen from every
machine; it is renewed by heartbeats and expires without them (`metastore.txn.timeout`). It is on a
name of its own, so that it never meets the lock that Iceberg takes on the table for each commit.
"""

import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from hive_metastore.ttypes import (
    CheckLockRequest,
    HeartbeatRequest,
    LockComponent,
    LockLevel,
    LockRequest,
    LockState,
    LockType,
    NoSuchLockException,
    ShowLocksRequest,
    UnlockRequest,
)
from thrift.Thrift import TException

from ingest import holders
from ingest.errors import LockedError, LostLockError
from malha import metastore
from malha.console import say_warning
from malha.manifest import Source
from malha.settings import Settings

HEARTBEAT_SECONDS = 5
"""Time between two heartbeats; whoever waits sees within two of them whether a holder lives."""

_EXPIRY_SECONDS = 180
"""How long at most to wait for the lock of a dead holder; the metastore drops it well before."""

_POLL_SECONDS = 0.2
"""Between two looks at the locks that stand before one's own."""


_own = threading.Lock()
_held: set[int] = set()
"""The locks that this process has, or waits for. Of its others it does not know: the metastore went
away before it had said their number, or before they were given back."""


@dataclass(frozen=True)
class Clock:
    """What a wait goes by, in seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


_CLOCK = Clock()


class Lock:
    """The held lock of a source."""

    def __init__(self, source: Source, settings: Settings, lock_id: int) -> None:
        self._source = source
        self._settings = settings
        self._id = lock_id
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Make sure that it is still held, right before a commit.

        Raises:
            LostLockError: it expired, as after a long sleep of this machine.
            UnreachableError: the metastore does not answer.
        """
        if not self._lost.is_set():
            with metastore.reporting(self._settings):
                if _heartbeat(self._settings, self._id):
                    return
        raise LostLockError(
            f"source {self._source.name}: its lock in the metastore expired during this run, so "
            "nothing more was written: run it again"
        )

    def check_alive(self) -> None:
        """Make sure that no heartbeat found it lost; asks nobody.

        Raises:
            LostLockError: one did.
        """
        if self._lost.is_set():
            self.check()

    def release(self) -> None:
        """Give it back; nothing happens where it is lost or the metastore is away."""
        self._ended.set()
        self._thread.join(timeout=30)
        _held.discard(self._id)
        with suppress(TException, OSError), metastore.client(self._settings) as client:
            client.unlock(UnlockRequest(self._id))

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            try:
                if not _heartbeat(self._settings, self._id):
                    self._lost.set()
                    return
            except (TException, OSError):
                continue  # the metastore starts again; whether the lock outlived that, check() says


@contextmanager
def exclusive(
    source: Source,
    settings: Settings,
    *,
    pids: Sequence[int] = (),
    in_metastore: bool = True,
    clock: Clock = _CLOCK,
) -> Iterator[Lock | None]:
    """Keep every other process from ingesting the source.

    The lock of a process of this machine that is dead is taken over at once; that of a dead one
    elsewhere as soon as the metastore drops it.

    Args:
        pids: other processes that may still write for this one when it is dead, as its JVM.
        in_metastore: false where the metastore is down; then only this STACK_DIR is kept out.

    Raises:
        LockedError: another one does so at this moment.
        UnreachableError: the metastore does not answer.
    """
    with _file_lock(source, settings):
        if not in_metastore:
            yield None
            return
        lock = Lock(source, settings, _acquire(source, settings, pids, clock))
        try:
            yield lock
        finally:
            lock.release()


@contextmanager
def _file_lock(source: Source, settings: Settings) -> Iterator[None]:
    settings.stack_dir.mkdir(parents=True, exist_ok=True)
    path = settings.stack_dir / f"ingest-{source.name}.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise _locked(source, lock.read() or "another process") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        yield


def _acquire(source: Source, settings: Settings, pids: Sequence[int], clock: Clock) -> int:
    """Take the metastore's lock; return its number."""
    request = LockRequest(
        component=[
            LockComponent(
                type=LockType.EXCLUSIVE,
                level=LockLevel.TABLE,
                dbname=source.schema_name,
                tablename=_name(source),
            )
        ],
        user="malha-ingest",
        hostname=socket.gethostname(),
        agentInfo=holders.describe([os.getpid(), *pids]),
    )
    with metastore.reporting(settings), metastore.client(settings) as client:
        with _own:
            answer = client.lock(request)
            _held.add(answer.lockid)
        try:
            if answer.state != LockState.ACQUIRED:
                _wait(source, settings, answer.lockid, clock)
        except BaseException:
            _held.discard(answer.lockid)
            with suppress(TException, OSError):
                client.unlock(UnlockRequest(answer.lockid))
            raise
    return int(answer.lockid)


def _wait(source: Source, settings: Settings, lock_id: int, clock: Clock) -> None:
    """Wait until those that stand before this lock are gone.

    Raises:
        LockedError: one of them is alive.
    """
    first_seen: dict[int, int] = {}
    warned = False
    deadline = clock.now() + _EXPIRY_SECONDS
    while True:
        with _own, metastore.client(settings) as client:
            if client.check_lock(CheckLockRequest(lock_id)).state == LockState.ACQUIRED:
                return
            shown = client.show_locks(ShowLocksRequest(source.schema_name, _name(source)))
            for other in shown.locks or []:
                if other.lockid >= lock_id:
                    continue  # it stands behind this one
                holder = f"process {holders.pid(other)} on {other.hostname}"
                alive = holders.alive(other)
                left = (
                    alive and holders.pid(other) == str(os.getpid()) and other.lockid not in _held
                )
                if alive is False or left:
                    with suppress(NoSuchLockException):
                        client.unlock(UnlockRequest(other.lockid))
                    continue
                # Of a holder elsewhere, only its heartbeats tell.
                beat = other.lastheartbeat or 0
                if alive or first_seen.setdefault(other.lockid, beat) != beat:
                    raise _locked(source, holder)
                if clock.now() > deadline:
                    raise _locked(source, holder)
                if not warned and other.lockid in first_seen:
                    warned = True
                    say_warning(
                        f"source {source.name} is locked by {holder}: waiting for a sign of it, "
                        "or until its lock expires"
                    )
        clock.sleep(_POLL_SECONDS)


def _name(source: Source) -> str:
    return f"{source.table}:ingest"


def _heartbeat(settings: Settings, lock_id: int) -> bool:
    """Renew a lock; whether it was still there."""
    try:
        with metastore.client(settings) as client:
            client.heartbeat(HeartbeatRequest(lockid=lock_id))
    except NoSuchLockException:
        return False
    return True


def _locked(source: Source, holder: str) -> LockedError:
    return LockedError(
        f"source {source.name} is being ingested by {holder}: "
        "wait until that has ended, then run this again if need be"
    )
