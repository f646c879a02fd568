"""Queries by bare PyHive, from a process of its own: what Thrift and Spark cost by themselves."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from pyhive import hive
from pyhive.exc import Error as HiveError
from thrift.Thrift import TException

from bench.errors import BenchmarkError
from bench.load import Timing


@dataclass(frozen=True)
class Queries:
    """What is asked of the Thrift Server, by how many sessions, and for how long."""

    host: str
    port: int
    statements: list[str]
    """Asked in turn, each once."""
    sessions: int = 4
    warm_up_s: float = 1
    seconds: float = 5


def run(queries: Queries) -> Timing:
    """Ask from a process of its own.

    Raises:
        BenchmarkError: a query failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.bare"],
        input=json.dumps(asdict(queries)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BenchmarkError(f"a query through bare PyHive failed: {last[:500]}")
    return Timing(**json.loads(done.stdout))


def fetch(host: str, port: int, statement: str) -> list[tuple[Any, ...]]:
    """The rows of one query.

    Raises:
        BenchmarkError: it failed.
    """
    try:
        with hive.connect(host=host, port=port, username="bench") as connection:
            return _fetch(connection, statement)
    except (HiveError, TException, OSError, EOFError) as error:
        raise BenchmarkError(f"a query through bare PyHive failed: {str(error)[:500]}") from None


def _fetch(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _drive(queries: Queries) -> Timing:
    statements = iter(queries.statements)
    connections = [
        hive.connect(host=queries.host, port=queries.port, username="bench")
        for _ in range(queries.sessions)
    ]
    with ThreadPoolExecutor(queries.sessions) as pool:

        def phase(seconds: float) -> list[float]:
            end = time.perf_counter() + seconds
            laps = pool.map(lambda one: list(_laps(one, statements, end)), connections)
            return [lap for of_one in laps for lap in of_one]

        phase(queries.warm_up_s)
        begin = time.perf_counter()
        laps = phase(queries.seconds)
        return Timing(laps, time.perf_counter() - begin, 0)


def _laps(connection: Any, statements: Iterator[str], end: float) -> Iterator[float]:
    """Milliseconds of each query of one session."""
    while (begin := time.perf_counter()) < end and (statement := next(statements, None)):
        _fetch(connection, statement)
        yield (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    json.dump(asdict(_drive(Queries(**json.load(sys.stdin)))), sys.stdout)
