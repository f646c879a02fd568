"""One measurement on a stack of its own: the plain script, the pipeline in full, an increment."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bench.data import Delivery
from bench.errors import BenchmarkError
from bench.memory import PeakMemory
from malha import hive
from malha.settings import ROOT, Settings, child_environment, load
from malha.spark import driver_options, spark_environment, spark_master
from stack.apart import own_environment
from stack.demo import land
from stack.supervision import Supervisor

_FIRST_PORT = 24000
_PLAIN_URI = "s3a://lake/plain"
_DBT = f"{sys.prefix}/bin/dbt"
_INGEST = (sys.executable, "-m", "ingest")
_BUILD = (_DBT, "--quiet", "build")

Report = Callable[[str, float], None]
"""What is told of each step when it is over: its name and seconds."""


@dataclass(frozen=True)
class Measurement:
    """Seconds of wall clock of whole processes, from their start to their end."""

    plain_s: float
    ingest_s: float
    build_s: float
    increment_s: float
    """Ingest and `dbt build` together, after one per cent more rows."""
    tests_run: int
    """Data tests and unit tests of the first build."""
    thrift_peak_mib: int
    """Largest resident memory of the Thrift Server and its children."""

    @property
    def full_s(self) -> float:
        """Ingest and `dbt build` together."""
        return self.ingest_s + self.build_s


def measure(base: Delivery, increment: Delivery, report: Report) -> Measurement:
    """Run all three once, on a fresh stack, and check what each has made.

    Raises:
        BenchmarkError: a command failed, or ouro is not what it has to be.
    """
    with _stack(report) as settings:
        land(base.folder, settings)
        mesh = child_environment(settings) | spark_environment(settings)
        plain_s = _timed("plain script", _plain(settings), report, mesh)
        _check("the plain script", f"parquet.`{_PLAIN_URI}/ouro/cliente_pedido`", base, settings)

        with PeakMemory(Supervisor(settings).states()["thrift"].pid) as memory:
            ingest_s = _timed("ingest", _INGEST, report)
            build_s = _timed("dbt build", _BUILD, report)
            tests_run = _tests_run(settings.dbt_target_path / "run_results.json")
            _check("the pipeline", "ouro.cliente_pedido", base, settings)

            land(increment.folder, settings)
            increment_s = _timed("ingest of 1 % more", _INGEST, report)
            increment_s += _timed("dbt build of 1 % more", _BUILD, report)
            _check("the increment", "ouro.cliente_pedido", increment, settings)
    return Measurement(plain_s, ingest_s, build_s, increment_s, tests_run, memory.mib)


@contextmanager
def _stack(report: Report) -> Iterator[Settings]:
    before = dict(os.environ)
    environment = own_environment(_FIRST_PORT)
    os.environ.update(environment)
    folder = Path(environment["STACK_DIR"])
    try:
        _timed("start of the stack", (sys.executable, "-m", "stack", "up"), report)
        yield load()
    finally:
        # Whatever went wrong before counts, not what this may say of it.
        subprocess.call(
            (sys.executable, "-m", "stack", "clean"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.clear()
        os.environ.update(before)


def _plain(settings: Settings) -> tuple[str, ...]:
    """The plain script with the driver, store and memory that the ingest has."""
    options = driver_options(settings, spark_master(settings))
    return (
        f"{sys.prefix}/bin/spark-submit",
        "--master",
        spark_master(settings),
        "--driver-memory",
        settings.ingest_memory,
        *(part for key, value in options.items() for part in ("--conf", f"{key}={value}")),
        str(ROOT / "bench/plain.py"),
        settings.landing_uri,
        _PLAIN_URI,
    )


def _timed(
    step: str, command: tuple[str, ...], report: Report, variables: dict[str, str] | None = None
) -> float:
    """Run a command to its end, as a user would; seconds of wall clock."""
    with tempfile.TemporaryFile("w+") as log:
        started = time.monotonic()
        code = subprocess.call(
            command,
            cwd=ROOT,
            env=os.environ | (variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        seconds = time.monotonic() - started
        if code:
            log.seek(0)
            last = "".join(log.readlines()[-30:])
            raise BenchmarkError(
                f"{step} failed with exit code {code}: {' '.join(command)}\n{last}"
            )
    report(step, seconds)
    return seconds


def _check(who: str, relation: str, expected: Delivery, settings: Settings) -> None:
    """A benchmark of wrong results is worthless: compare ouro's rows and sum with the data's."""
    query = f"select count(*), sum(cast(valor as decimal(18, 2))) from {relation}"  # noqa: S608
    connection = hive.connect(settings, user="bench")
    with closing(connection), closing(connection.cursor()) as cursor:
        cursor.execute(query)
        rows, total = cursor.fetchone()
    if (rows, Decimal(total or 0)) != (expected.orders, expected.total):
        raise BenchmarkError(
            f"{who} made {rows} rows with the sum {total}, but the data has {expected.orders} "
            f"with {expected.total}: its times mean nothing"
        )


def _tests_run(run_results: Path) -> int:
    results = json.loads(run_results.read_text("utf-8"))["results"]
    return sum(result["unique_id"].startswith(("test.", "unit_test.")) for result in results)
