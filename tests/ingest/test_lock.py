"""One run of a source at a time, whoever else shares the metastore."""

import os
import socket
import subprocess
import sys
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest
from hive_metastore.ttypes import HeartbeatRequest, LockState

from ingest import holders
from ingest.errors import LockedError, LostLockError
from ingest.lock import Clock, exclusive
from malha import metastore
from malha.manifest import Landing, Source
from malha.settings import Settings
from tests.ingest.locks import drop, foreign_lock, locks
from tests.mesh import Mesh, eventually, ok, refused

CLIENTE = Source(
    name="cliente",
    schema_name="bronze",
    table="cliente",
    landing=Landing(path="clientes/cliente", format="csv"),
    columns=("cliente_id", "nome"),
)

OF_CLIENTE = "cliente:ingest"
"""What the lock of the source is on."""


@pytest.fixture
def elsewhere(mesh: Mesh, tmp_path: Path) -> Settings:
    """Settings of another machine, which shares no file with the mesh's own."""
    return mesh.settings.model_copy(update={"stack_dir": tmp_path})


def die_holding(mesh: Mesh, *pids: int) -> None:
    """Let a process of this machine be killed that holds the source's lock."""
    script = (
        "import os\n"
        "from ingest.lock import exclusive\n"
        "from malha.manifest import Source\n"
        "from malha.settings import load\n"
        f"source = Source.model_validate_json({CLIENTE.model_dump_json(exclude_unset=True)!r})\n"
        f"with exclusive(source, load(), pids={list(pids)}):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    result = mesh.run(sys.executable, "-c", script)
    assert result.returncode == -9, result.stderr


def test_run_on_another_machine_keeps_this_one_out(empty: Mesh, elsewhere: Settings) -> None:
    empty.put("clientes/cliente/a.csv", "cliente_id,nome\n1,Alice\n")
    with exclusive(CLIENTE, elsewhere):
        message = refused(empty.ingest("cliente"))
    assert "source cliente is being ingested by process" in message
    ok(empty.ingest("cliente"))
    assert empty.count("bronze.cliente") == 1


def test_run_that_sends_signs_of_life_from_elsewhere_is_left_alone(elsewhere: Settings) -> None:
    with foreign_lock(elsewhere, OF_CLIENTE) as held:

        def beat(_: float) -> None:
            with metastore.client(elsewhere) as client:
                client.heartbeat(HeartbeatRequest(lockid=held))

        with (
            pytest.raises(LockedError, match=r"ingested by process unknown on far\.example"),
            exclusive(CLIENTE, elsewhere, clock=Clock(sleep=beat)),
        ):
            pass


def test_silent_run_elsewhere_is_not_waited_for_without_end(elsewhere: Settings) -> None:
    seconds = count(step=100)
    clock = Clock(now=lambda: next(seconds), sleep=lambda _: None)
    with (
        foreign_lock(elsewhere, OF_CLIENTE),
        pytest.raises(LockedError, match=r"ingested by process unknown on far\.example"),
        exclusive(CLIENTE, elsewhere, clock=clock),
    ):
        pass
    assert not locks(elsewhere, OF_CLIENTE)


def test_lock_of_a_killed_process_of_this_machine_is_taken_over_at_once(
    mesh: Mesh, elsewhere: Settings
) -> None:
    die_holding(mesh)
    before = locks(elsewhere, OF_CLIENTE)
    assert len(before) == 1
    with exclusive(CLIENTE, elsewhere):
        # Not expired meanwhile, but taken away: it would have been there for a minute.
        held = locks(elsewhere, OF_CLIENTE)
        assert len(held) == 1
        assert held != before


def test_lock_that_this_process_lost_sight_of_is_taken_over_at_once(
    elsewhere: Settings, tmp_path: Path
) -> None:
    beside = elsewhere.model_copy(update={"stack_dir": tmp_path / "beside"})
    described = holders.describe([os.getpid()])
    with (
        foreign_lock(elsewhere, OF_CLIENTE, socket.gethostname(), described) as lost,
        exclusive(CLIENTE, elsewhere),
    ):
        (held,) = locks(elsewhere, OF_CLIENTE)
        assert held != lost
        # One that it knows of keeps it out.
        with (
            pytest.raises(LockedError, match=f"by process {os.getpid()} on"),
            exclusive(CLIENTE, beside),
        ):
            pass
        assert locks(elsewhere, OF_CLIENTE) == [held]


def test_lock_waits_for_a_jvm_that_outlives_its_python(mesh: Mesh, elsewhere: Settings) -> None:
    jvm = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    die_holding(mesh, jvm.pid)
    polls = 0

    def sleep(_: float) -> None:
        nonlocal polls
        polls += 1
        if polls == 3:
            jvm.communicate(b"\n")

    with exclusive(CLIENTE, elsewhere, clock=Clock(sleep=sleep)):
        assert polls >= 3
        assert jvm.poll() is not None


def test_lost_lock_is_noticed(elsewhere: Settings) -> None:
    with exclusive(CLIENTE, elsewhere) as lock:
        assert lock is not None
        lock.check()
        (held,) = locks(elsewhere, OF_CLIENTE)
        drop(elsewhere, held)
        with pytest.raises(LostLockError, match="source cliente: its lock"):
            lock.check()


def test_run_goes_on_when_the_locks_of_dead_holders_elsewhere_are_dropped(
    empty: Mesh, elsewhere: Settings
) -> None:
    """The ingest's own, and one that a process killed in a commit of Iceberg's left behind.

    That the metastore drops them is shown among the faults.
    """
    empty.put("clientes/cliente/b.csv", "cliente_id,nome\n2,Bob\n")
    waited: list[str] = []
    ended = Event()

    def expire(held: dict[str, int]) -> None:
        for table, lock_id in held.items():

            def somebody_waits(table: str = table) -> bool:
                if locks(elsewhere, table, LockState.WAITING):
                    waited.append(table)
                return table in waited or ended.is_set()

            eventually(somebody_waits, seconds=120)
            drop(elsewhere, lock_id)

    with (
        foreign_lock(elsewhere, OF_CLIENTE) as of_the_ingest,
        foreign_lock(elsewhere, "cliente") as of_the_commit,
    ):
        held = {OF_CLIENTE: of_the_ingest, "cliente": of_the_commit}
        dropping = Thread(target=expire, args=[held])
        dropping.start()
        result = empty.ingest("cliente")
        ended.set()
        dropping.join()
    ok(result)
    assert waited == [OF_CLIENTE, "cliente"]
    assert "locked by process unknown on far.example: waiting" in result.stderr
    assert empty.count("bronze.cliente where nome = 'Bob'") == 1
