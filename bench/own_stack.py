"""A stack of the benchmark's own, the commands that it times, and what ouro has to have."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

from bench.data import Delivery, generate, map_base
from bench.errors import BenchmarkError
from malha import hive
from malha.console import Console
from malha.settings import ROOT, Settings, load
from stack.apart import own_environment
from stack.demo import land

INGEST = (sys.executable, "-m", "ingest")
BUILD = (f"{sys.prefix}/bin/dbt", "--quiet", "build")

_STACK = (sys.executable, "-m", "stack")

Report = Callable[[str, float], None]
"""What is told of each step when it is over: its name and seconds."""

console = Console(highlight=False)


def say(step: str, seconds: float) -> None:
    """Report a step on the terminal."""
    console.print(f"{step}: {seconds:.1f} s", markup=False)


@contextmanager
def generated(scale: float) -> Iterator[tuple[Path, Delivery]]:
    """Make TPC-H's orders and customers in a folder that is removed in the end.

    Yields:
        The folder, whose `tpch` has them as they were made, and all of them as a delivery.
    """
    with tempfile.TemporaryDirectory(prefix="malha-bench-") as name:
        folder = Path(name)
        with console.status(f"making TPC-H's orders and customers at scale {scale:g}"):
            generate(scale, folder / "tpch")
            base = map_base(folder / "tpch", folder / "base")
        yield folder, base


@contextmanager
def own_stack(report: Report, variables: dict[str, str] | None = None) -> Iterator[Settings]:
    """Start a stack beside any other, with these variables; stop and remove it in the end."""
    before = dict(os.environ)
    environment = own_environment() | (variables or {})
    os.environ.update(environment)
    folder = Path(environment["STACK_DIR"])
    try:
        timed("start of the stack", (*_STACK, "up"), report)
        yield load()
    finally:
        # Whatever went wrong before counts, not what this may say of it.
        subprocess.call(
            (*_STACK, "clean"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.clear()
        os.environ.update(before)


def restarted(variables: dict[str, str], report: Report) -> Settings:
    """Stop this benchmark's stack and start it again with these variables; its data stays."""
    timed("stop of the stack", (*_STACK, "down"), report)
    os.environ.update(variables)
    timed("start of the stack", (*_STACK, "up"), report)
    return load()


def timed(
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


def fill(delivery: Delivery, settings: Settings, report: Report) -> None:
    """Take a delivery all the way to ouro."""
    land(delivery.folder, settings)
    timed("ingest", INGEST, report)
    timed("dbt build", BUILD, report)


def check_ouro(who: str, relation: str, expected: Delivery, settings: Settings) -> None:
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
