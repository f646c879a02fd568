"""Command lines run inside the tests' process: what they print and how they end is the same, and
neither Python, dbt nor Spark has to start for each."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from malha import console

Completed = subprocess.CompletedProcess[str]
Main = Callable[[list[str]], None]
"""A command line's function: it takes the arguments and may leave by SystemExit."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_one_at_a_time = threading.RLock()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let this process have these variables, and no other changes, once the block has ended."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def call(
    main: Main, arguments: Sequence[str], variables: Mapping[str, str], *, name: str
) -> Completed:
    """Call a command line; signals, streams, `sys.argv` and variables are as before in the end."""
    out, err = io.StringIO(), io.StringIO()
    command = [name, *arguments]
    with (
        _one_at_a_time,
        environment(variables),
        _signals(),
        _argv(command),
        redirect_stdout(out),
        redirect_stderr(err),
        _errors_to(err),
    ):
        code = _exit_code(main, list(arguments))
    return Completed(command, code, out.getvalue(), err.getvalue())


def _exit_code(main: Main, arguments: list[str]) -> int:
    try:
        main(arguments)
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    return 0


def dbt(arguments: list[str]) -> None:
    """dbt's command line, which leaves with 1 where a node failed and with 2 where dbt did."""
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(arguments)
    if isinstance(result.exception, KeyboardInterrupt):
        raise result.exception  # of whoever stops the tests
    if not result.success:
        sys.exit(1 if result.exception is None else 2)


@contextmanager
def _signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _argv(command: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = command
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _errors_to(stream: io.StringIO) -> Iterator[None]:
    before = console.errors.file
    console.errors.file = stream
    try:
        yield
    finally:
        console.errors.file = before
