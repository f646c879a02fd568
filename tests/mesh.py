"""The stack that integration tests run on, and what they do to it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from malha import hive, s3
from malha.settings import ROOT, Settings, load
from stack import demo_key
from stack.apart import free_ports as free_ports
from stack.apart import own_environment as own_environment

Completed = subprocess.CompletedProcess[str]


@dataclass
class Mesh:
    """The running stack. Commands run as a user would run them, in processes of their own."""

    folder: Path

    @property
    def settings(self) -> Settings:
        return load()

    def run(self, *command: str, **variables: str) -> Completed:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    def stack(self, *arguments: str, **variables: str) -> Completed:
        return self.run(sys.executable, "-m", "stack", *arguments, **variables)

    def ingest(self, *arguments: str, **variables: str) -> Completed:
        return self.run(sys.executable, "-m", "ingest", *arguments, **variables)

    def lake(self, *arguments: str, **variables: str) -> Completed:
        return self.run(sys.executable, "-m", "lake", *arguments, **variables)

    def dbt(self, *arguments: str, **variables: str) -> Completed:
        return self.run(f"{sys.prefix}/bin/dbt", "--no-use-colors", *arguments, **variables)

    def up(self) -> None:
        ok(self.stack("up"))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows through the Thrift Server."""
        return fetch(self.settings, sql)

    def execute(self, *statements: str) -> None:
        """Run statements in one session, so that what one of them sets holds for the next."""
        connection = hive.connect(self.settings, user="tests")
        with closing(connection), closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)

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

    def forget_everything(self) -> None:
        """Drop all tables, views, checkpoints and landed files."""
        for schema in ("bronze", "prata", "ouro", "malha"):
            self.query(f"create schema if not exists {schema}")
            for row in self.query(f"show views in {schema}"):
                self.query(f"drop view {schema}.`{row[1]}`")
            for row in self.query(f"show tables in {schema}"):
                self.query(f"drop table {schema}.`{row[1]}` purge")
        for uri in (self.settings.landing_uri, self.settings.checkpoint_uri):
            for found in self.files(uri):
                self.remove(found)

    def count(self, table: str) -> int:
        return int(self.query(f"select count(*) from {table}")[0][0])


def fetch(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Rows over JDBC's protocol."""
    connection = hive.connect(settings, user="tests")
    with closing(connection), closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


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
