"""Ways to kill an ingest, or what it needs, at a moment of choice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Timer

import psutil
from hive_metastore.ttypes import ShowLocksRequest
from thrift.Thrift import TException

from malha import metastore, s3
from malha.errors import UnreachableError
from malha.settings import ROOT
from stack.supervision import Supervisor
from tests.mesh import Mesh, eventually, ok

_ENDS_WITHIN = 280
"""Seconds: Iceberg gives up a commit after three minutes without the metastore's lock."""


class Ingest:
    """A running `malha-ingest` in a process group of its own."""

    def __init__(self, mesh: Mesh) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ingest"],
            cwd=ROOT,
            env=mesh.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def running(self) -> bool:
        return self._process.poll() is None

    def wait_until(self, moment: float, reached: Callable[[], bool] = lambda: False) -> None:
        """Wait some seconds, or until it has ended or something is reached."""
        deadline = time.monotonic() + moment
        while self.running() and time.monotonic() < deadline and not reached():
            time.sleep(0.005)

    def kill_all(self) -> None:
        """Python and JVM."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def kill_python(self) -> None:
        """Python alone; the JVM notices by itself."""
        self._process.kill()

    def kill_jvm(self) -> None:
        """The JVM alone, where there is one yet."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                child.kill()

    def end(self) -> tuple[int, str]:
        """Its exit code and all that it said, once it has ended."""
        try:
            said, _ = self._process.communicate(timeout=_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise
        assert "Traceback" not in said, said
        return self._process.returncode, said


class Faults:
    """Each method runs an ingest and kills something at a random moment of it."""

    def __init__(self, mesh: Mesh, chance: random.Random, *, warm: bool) -> None:
        """
        Args:
            warm: whether services are killed under an ingest of this process, whose Spark runs
                already; otherwise each ingest begins with starting Spark.
        """
        self._mesh = mesh
        self._chance = chance
        self._warm = warm
        self._length = 0.0
        """Seconds that an ingest takes in a process of its own when nothing is killed."""
        self._warm_length = 0.0
        """Seconds that it takes where Spark runs already."""

    def measure(self, land: Callable[[], None]) -> None:
        """Learn how long an ingest takes when nothing is killed."""
        land()
        begun = time.monotonic()
        code, said = Ingest(self._mesh).end()
        assert code == 0, said
        self._length = time.monotonic() - begun
        if self._warm:
            ok(self._mesh.ingest("--list"))  # starts Spark where it does not run yet
            land()
            begun = time.monotonic()
            ok(self._mesh.ingest())
            self._warm_length = time.monotonic() - begun

    def cause(self, kind: str) -> None:
        if kind in ("s3", "metastore") and self._warm:
            self._kill_under_warm_ingest(kind)
        else:
            self._kill_beside_process(kind)
        self._wait_healthy()

    def _kill_under_warm_ingest(self, service: str) -> None:
        killer = Timer(self._chance.uniform(0, self._warm_length), self._kill_service, [service])
        killer.start()
        result = self._mesh.ingest()
        killer.join()
        assert "Traceback" not in result.stdout + result.stderr

    def _kill_beside_process(self, kind: str) -> None:
        moment = self._chance.uniform(0, self._length)
        ingest = Ingest(self._mesh)
        match kind:
            case "ingest":
                ingest.wait_until(moment)
                ingest.kill_all()
            case "python alone":
                ingest.wait_until(moment)
                ingest.kill_python()
            case "JVM alone":
                ingest.wait_until(moment)
                ingest.kill_jvm()
            case "mid-commit":
                ingest.wait_until(2 * self._length, self._table_locked)
                ingest.kill_all()
            case "one of two":
                other = Ingest(self._mesh)
                ingest.wait_until(moment)
                ingest.kill_all()
                code, said = other.end()
                assert code == 0 or "is being ingested by process" in said, said
            case _:
                ingest.wait_until(moment)
                self._kill_service(kind)
        ingest.end()

    def _kill_service(self, name: str) -> None:
        pid = Supervisor(self._mesh.settings).states()[name].pid
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _wait_healthy(self) -> None:
        def healthy() -> bool:
            try:
                s3.check(self._mesh.settings)
                metastore.check(self._mesh.settings)
            except UnreachableError:
                return False
            return True

        eventually(healthy, seconds=90)

    def _table_locked(self) -> bool:
        """Whether Iceberg is committing to one of the tables."""
        with suppress(TException, OSError), metastore.client(self._mesh.settings) as client:
            locks = client.show_locks(ShowLocksRequest("bronze")).locks or []
            return any(lock.tablename in ("cliente", "pedido") for lock in locks)
        return False
