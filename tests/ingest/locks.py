"""Locks of the metastore: which there are, and those of others."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hive_metastore.ttypes import (
    LockComponent,
    LockLevel,
    LockRequest,
    LockState,
    LockType,
    NoSuchLockException,
    ShowLocksRequest,
    UnlockRequest,
)

from malha import metastore
from malha.settings import Settings


def locks(settings: Settings, table: str, *states: int) -> list[int]:
    """The numbers of the locks on a table, in these states or in any."""
    with metastore.client(settings) as client:
        shown = client.show_locks(ShowLocksRequest("bronze", table)).locks or []
    return [lock.lockid for lock in shown if not states or lock.state in states]


@contextmanager
def foreign_lock(
    settings: Settings, table: str, hostname: str = "far.example", agent: str = "other"
) -> Iterator[int]:
    """A lock that somebody else took; by itself, one whose holder cannot be seen from here."""
    component = LockComponent(
        type=LockType.EXCLUSIVE, level=LockLevel.TABLE, dbname="bronze", tablename=table
    )
    request = LockRequest([component], user="u", hostname=hostname, agentInfo=agent)
    with metastore.client(settings) as client:
        lock = client.lock(request)
    assert lock.state == LockState.ACQUIRED
    try:
        yield int(lock.lockid)
    finally:
        drop(settings, lock.lockid)


def drop(settings: Settings, lock_id: int) -> None:
    """Take a lock away, as the metastore does with one that sent no heartbeat for long."""
    with suppress(NoSuchLockException), metastore.client(settings) as client:
        client.unlock(UnlockRequest(lock_id))
