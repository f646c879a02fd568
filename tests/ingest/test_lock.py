"""One run of a source at a time, whoever else shares the metastore."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from hive_metastore.ttypes import (
    HeartbeatRequest,
    LockComponent,
    LockLevel,
    LockRequest,
    LockState,
    LockType,
    ShowLocksRequest,
    UnlockRequest,
)

from ingest.errors import LockedError, LostLockError
from ingest.lock import exclusive
from malha import metastore
from malha.manifest import Landing, Source
from malha.settings import Settings
from tests.mesh import Mesh, ok, refused

CLIENTE = Source(
    name="cliente",
    schema_name="bronze",
    table="cliente",
    landing=Landing(path="clientes/cliente", format="csv"),
    columns=("cliente_id", "nome"),
)

OF_CLIENTE = ShowLocksRequest("bronze", "cliente:ingest")


@pytest.fixture
def elsewhere(fresh: Mesh, tmp_path: Path) -> Settings:
    """Settings of another machine, which shares no file with the mesh's own."""
    return fresh.settings.model_copy(update={"stack_dir": tmp_path})


@contextmanager
def foreign_lock(settings: Settings, table: str, *, beats: bool) -> Iterator[None]:
    """A lock whose holder cannot be seen from here."""
    component = LockComponent(
        type=LockType.EXCLUSIVE, level=LockLevel.TABLE, dbname="bronze", tablename=table
    )
    request = LockRequest([component], user="u", hostname="far.example", agentInfo="other")
    with metastore.client(settings) as client:
        lock = client.lock(request)
    assert lock.state == LockState.ACQUIRED
    ended = Event()

    def beat() -> None:
        while not ended.wait(0.5):
            with metastore.client(settings) as client:
                client.heartbeat(HeartbeatRequest(lockid=lock.lockid))

    thread = Thread(target=beat, daemon=True)
    if beats:
        thread.start()
    yield
    ended.set()
    if beats:
        thread.join()
        with metastore.client(settings) as client:
            client.unlock(UnlockRequest(lock.lockid))


def test_run_on_another_machine_keeps_this_one_out(fresh: Mesh, elsewhere: Settings) -> None:
    fresh.put("clientes/cliente/a.csv", "cliente_id,nome\n1,Alice\n")
    with exclusive(CLIENTE, elsewhere):
        message = refused(fresh.ingest("cliente"))
    assert "source cliente is being ingested by process" in message
    ok(fresh.ingest("cliente"))
    assert fresh.count("bronze.cliente") == 1


def test_run_that_sends_signs_of_life_from_elsewhere_is_left_alone(
    fresh: Mesh, elsewhere: Settings
) -> None:
    with (
        foreign_lock(elsewhere, "cliente:ingest", beats=True),
        pytest.raises(LockedError, match=r"being ingested by process unknown on far\.example"),
        exclusive(CLIENTE, elsewhere),
    ):
        pass


def test_lock_of_a_killed_process_of_this_machine_is_taken_over_at_once(
    fresh: Mesh, elsewhere: Settings
) -> None:
    hold_and_die = (
        "import os\n"
        "from malha.settings import load\n"
        "from tests.ingest.test_lock import CLIENTE, exclusive\n"
        "with exclusive(CLIENTE, load()):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    result = fresh.run(sys.executable, "-c", hold_and_die)
    assert result.returncode == -9
    with metastore.client(elsewhere) as client:
        before = [lock.lockid for lock in client.show_locks(OF_CLIENTE).locks]
    assert len(before) == 1
    with exclusive(CLIENTE, elsewhere) as lock, metastore.client(elsewhere) as client:
        assert lock is not None
        held = [found.lockid for found in client.show_locks(OF_CLIENTE).locks]
        # Not expired meanwhile, but taken away: it would have been there for a minute.
        assert len(held) == 1
        assert held != before


def test_lock_waits_for_a_jvm_that_outlives_its_python(fresh: Mesh, elsewhere: Settings) -> None:
    jvm = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    hold_and_die = (
        "import os\n"
        "from malha.settings import load\n"
        "from tests.ingest.test_lock import CLIENTE, exclusive\n"
        f"with exclusive(CLIENTE, load(), pids=[{jvm.pid}]):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert fresh.run(sys.executable, "-c", hold_and_die).returncode == -9
    taken = Event()

    def take() -> None:
        with exclusive(CLIENTE, elsewhere):
            taken.set()

    taker = Thread(target=take)
    taker.start()
    assert not taken.wait(3)
    jvm.communicate(b"\n")
    assert taken.wait(30)
    taker.join()


def test_lost_lock_is_noticed(elsewhere: Settings) -> None:
    with exclusive(CLIENTE, elsewhere) as lock, metastore.client(elsewhere) as client:
        assert lock is not None
        lock.check()
        (held,) = client.show_locks(OF_CLIENTE).locks
        client.unlock(UnlockRequest(held.lockid))
        with pytest.raises(LostLockError, match="source cliente: its lock"):
            lock.check()


def test_locks_of_dead_holders_elsewhere_expire(fresh: Mesh, elsewhere: Settings) -> None:
    """The ingest's own, and one that a process killed in a commit of Iceberg's left behind."""
    fresh.put("clientes/cliente/b.csv", "cliente_id,nome\n2,Bob\n")
    with (
        foreign_lock(elsewhere, "cliente:ingest", beats=False),
        foreign_lock(elsewhere, "cliente", beats=False),
    ):
        result = fresh.ingest("cliente")
    ok(result)
    assert "locked by process unknown on far.example: waiting" in result.stderr
    assert fresh.count("bronze.cliente where nome = 'Bob'") == 1
