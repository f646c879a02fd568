"""The stack that integration tests run on, and what they do to it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import httpx
from pyhive.exc import Error as HiveError
from thrift.Thrift import TException

import governance.__main__
import ingest.cli
import lake.cli
import stack.cli
from ingest.session import spark_session
from malha import hive, s3
from malha.console import run_app
from malha.settings import ROOT, Settings, load
from stack import demo_key
from stack.apart import free_ports as free_ports
from stack.apart import own_environment as own_environment
from tests import inprocess, states
from tests.inprocess import Completed as Completed

DBT = f"{sys.prefix}/bin/dbt"
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")

_SAMPLES = ROOT / "data/samples"


@dataclass
class Mesh:
    """The running stack. Its command lines run in this process (see tests/inprocess.py), but for
    `run` and `start`."""

    variables: dict[str, str]
    """What keeps it apart from any other stack."""
    kept: "dict[str, states.State]" = field(default_factory=dict)
    """States of the lake that tests begin at, by name."""
    _resources: ExitStack = field(default_factory=ExitStack)
    _connections: threading.local = field(default_factory=threading.local)
    _spark_runs: bool = False

    @property
    def folder(self) -> Path:
        """Where the stack keeps its data."""
        return Path(self.variables["STACK_DIR"])

    @cached_property
    def settings(self) -> Settings:
        """Its settings, with the credentials that `up` makes."""
        with inprocess.environment(self.variables):
            return load()

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process that works on the mesh."""
        with inprocess.environment(self.variables | more):
            return dict(os.environ)

    def run(self, *command: str, **variables: str) -> Completed:
        """Run a command in a process of its own, and wait until it has ended."""
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command in a process of its own; both streams go to its `stdout`."""
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stack(self, *arguments: str, **variables: str) -> Completed:
        return self._call(partial(run_app, stack.cli.app), "malha-stack", arguments, variables)

    def tour(self, *arguments: str) -> Completed:
        """`malha-stack` in a process of its own, for what shows the output of other programs."""
        return self.run(sys.executable, "-m", "stack", *arguments)

    def ingest(self, *arguments: str, **variables: str) -> Completed:
        self._start_spark()
        return self._call(partial(run_app, ingest.cli.app), "malha-ingest", arguments, variables)

    def lake(self, *arguments: str, **variables: str) -> Completed:
        return self._call(partial(run_app, lake.cli.app), "malha-lake", arguments, variables)

    def governance(self, *arguments: str, **variables: str) -> Completed:
        app = governance.__main__.app
        return self._call(partial(run_app, app), "governance", arguments, variables)

    def dbt(self, *arguments: str, **variables: str) -> Completed:
        return self._call(inprocess.dbt, "dbt", ("--no-use-colors", *arguments), variables)

    def _call(
        self, main: inprocess.Main, name: str, arguments: Sequence[str], variables: dict[str, str]
    ) -> Completed:
        return inprocess.call(main, arguments, self.variables | variables, name=name)

    def _start_spark(self) -> None:
        """Start the Spark session that every ingest of this process uses."""
        if not self._spark_runs:
            with inprocess.environment(self.variables):
                self._resources.enter_context(spark_session(self.settings))
            self._spark_runs = True

    def up(self) -> None:
        ok(self.stack("up"))

    def close(self) -> None:
        """End what this process started beside the stack."""
        self._resources.close()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows through the Thrift Server, by a session that this thread keeps."""
        connection = getattr(self._connections, "session", None)
        if connection is not None:
            with suppress(TException, HiveError, OSError, EOFError):
                return _fetch(connection, sql)
            # The server may have been restarted; where the statement is wrong, it fails again.
            with suppress(TException, HiveError, OSError, EOFError):
                connection.close()
        connection = self._connections.session = hive.connect(self.settings, user="tests")
        return _fetch(connection, sql)

    def execute(self, *statements: str) -> None:
        """Run statements in one session, so that what one of them sets holds for the next."""
        connection = hive.connect(self.settings, user="tests")
        with closing(connection), closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)

    def fetch_in_session(self, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last statement, after the others in one session."""
        with closing(hive.connect(self.settings, user="tests")) as connection:
            found = [_fetch(connection, statement) for statement in statements]
        return found[-1]

    def get(
        self, path: str, /, *, headers: dict[str, str] | None = None, **parameters: Any
    ) -> httpx.Response:
        """What the API answers to the stack's own key, or to these headers; `{}` is nobody."""
        settings = self.settings
        return httpx.get(
            f"{settings.api_url}{path}",
            params=parameters or None,
            headers=demo_key.headers(settings) if headers is None else headers,
            timeout=60,
        )

    def put(self, key: str, body: str | bytes) -> None:
        """Land a file."""
        data = body.encode() if isinstance(body, str) else body
        bucket, _ = s3.split_uri(self.settings.landing_uri)
        s3.client(self.settings).put_object(Bucket=bucket, Key=key, Body=data)

    def read(self, uri: str) -> bytes:
        """The content of a file on S3."""
        bucket, key = s3.split_uri(uri)
        return s3.client(self.settings).get_object(Bucket=bucket, Key=key)["Body"].read()

    def files(self, uri: str) -> list[str]:
        """The URIs of what is below a URI on S3, in the order of their names."""
        bucket, prefix = s3.split_uri(uri)
        found = s3.objects(s3.client(self.settings), bucket, prefix)
        return [f"s3a://{bucket}/{one['Key']}" for one in found]

    def remove(self, uri: str) -> None:
        """Take a file on S3 away."""
        bucket, key = s3.split_uri(uri)
        s3.client(self.settings).delete_object(Bucket=bucket, Key=key)

    def count(self, table: str) -> int:
        return int(self.query(f"select count(*) from {table}")[0][0])

    def deliver(self, table: str, *rows: tuple[str | None, ...], file: str = "sql.csv") -> None:
        """Append rows to a bronze table as an ingest would, by SQL: `rows` in declared order."""
        names = [row[0] for row in self.query(f"describe bronze.{table}")]
        declared = [name for name in names if not name.startswith("_")]
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        self.query(
            f"insert into bronze.{table} ({', '.join(declared)}, _ingested_at, _source_file, "
            "_batch_id) "
            f"select *, current_timestamp(), 's3a://landing/{file}', "
            f"(select coalesce(max(_batch_id), 0) + 1 from bronze.{table}) from values {values}"
        )

    def begin_empty(self) -> None:
        """Let there be no tables, landed files or checkpoints."""
        states.put_back(states.State(), self.settings)

    def begin_ingested(self) -> None:
        """Let the smallest case be in bronze, and nothing be built."""

        def make() -> None:
            self.begin_empty()
            ok(self.stack("land", str(_SAMPLES / "minimo")))
            ok(self.ingest())

        self._begin("ingested", make)

    def begin_built(self) -> None:
        """Let the smallest case be built and published."""

        def make() -> None:
            self.begin_ingested()
            ok(self.dbt("--quiet", "build", *WITHOUT_UNIT_TESTS))

        self._begin("built", make)

    def _begin(self, name: str, make: Callable[[], None]) -> None:
        if name in self.kept:
            states.put_back(self.kept[name], self.settings)
        else:
            make()
            self.kept[name] = states.keep(self.settings)


def _fetch(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def fetch(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Rows over JDBC's protocol."""
    with closing(hive.connect(settings, user="tests")) as connection:
        return _fetch(connection, sql)


def literal(value: str | None) -> str:
    """A text of Spark's SQL."""
    return "cast(null as string)" if value is None else "'" + value.replace("'", "\\'") + "'"


def eventually(condition: Callable[[], bool], *, seconds: float) -> None:
    """Wait until something has come about; fail if it has not by then."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about within {seconds} s"
        time.sleep(0.2)


def answers(url: str) -> bool:
    """Whether a server answers there with 200."""
    try:
        return httpx.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def ok(result: Completed) -> str:
    """The output of a command that must have succeeded."""
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def refused(result: Completed, code: int = 1) -> str:
    """The message of a command that must have failed in a way that a user can act on."""
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    return result.stderr
