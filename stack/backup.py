"""Backup and restore of all that the mesh keeps: the objects on S3 and the metastore's database.

A backup is one tar file: `objects/<bucket>/<key>`, `metastore.dump` and, last, `backup.json`. It is
taken while the mesh is in use. Each table is then as of the metastore's dump, since whatever the
dump refers to is on S3 by then, and stays there.
"""

import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ingest.sources import exclusive
from malha import s3
from malha.console import errors
from malha.manifest import Manifest
from malha.settings import Settings
from stack import metastore, storage
from stack.errors import StackError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DUMP = "metastore.dump"
_END = "backup.json"


def save(settings: Settings, out: IO[bytes]) -> None:
    """Write a backup.

    No source is ingested meanwhile: a checkpoint that is ahead of its bronze table would lose rows.

    Raises:
        IngestError: a source is being ingested.
        StackError: an object vanished while it was read, or the database cannot be dumped.
        UnreachableError: the store does not answer.
    """
    if out.isatty():
        raise StackError("a backup is a tar file: send it to a file, with > backup.tar")
    with ExitStack() as stack:
        for source in Manifest(settings.manifest_path).sources.values():
            stack.enter_context(exclusive(source, settings))
        stack.enter_context(s3.reporting(settings))
        tar = stack.enter_context(tarfile.open(fileobj=out, mode="w|"))
        count = stack.enter_context(_progress("objects saved"))
        _add(tar, _DUMP, _postgres("pg_dump", "--format=custom", settings=settings))
        client = s3.client(settings)
        for bucket in storage.buckets(settings):
            for key in _keys(client, bucket):
                if f"s3a://{bucket}/{key}".startswith(f"{settings.spark_event_log_uri}/"):
                    continue
                try:
                    found = client.get_object(Bucket=bucket, Key=key)
                except client.exceptions.NoSuchKey:
                    raise StackError(
                        f"s3a://{bucket}/{key} was removed while it was to be saved: "
                        "run the backup again"
                    ) from None
                member = tarfile.TarInfo(f"objects/{bucket}/{key}")
                member.size = found["ContentLength"]
                tar.addfile(member, found["Body"])
                count.add(member.size)
        _add(tar, _END, json.dumps({"objects": count.objects, "bytes": count.size}).encode())


def restore(settings: Settings, backup: IO[bytes]) -> None:
    """Read a backup into a mesh without tables.

    The database comes last and in one transaction: after a restore that was cut there are no
    tables, and it can be run again.

    Raises:
        StackError: there are tables already, or this is no whole backup.
        UnreachableError: the store or the database does not answer.
    """
    if tables := metastore.count_tables(settings):
        raise StackError(
            f"the metastore has {tables} tables, which a restore would replace: restore into an "
            "empty mesh"
        )
    dump = end = None
    client = s3.client(settings)
    try:
        with (
            s3.reporting(settings),
            _progress("objects restored") as count,
            tarfile.open(fileobj=backup, mode="r|") as tar,
        ):
            for member in tar:
                content = tar.extractfile(member)
                assert content is not None, member.name  # noqa: S101
                if member.name == _DUMP:
                    dump = content.read()
                elif member.name == _END:
                    end = json.load(content)
                else:
                    _, bucket, key = member.name.split("/", 2)
                    # A member of a stream can be read, though it also offers to seek.
                    client.upload_fileobj(cast(IO[bytes], _Readable(content.read)), bucket, key)
                    count.add(member.size)
    except tarfile.TarError as error:
        raise StackError(f"this cannot be read as a backup: {error}") from None
    if dump is None or end != {"objects": count.objects, "bytes": count.size}:
        raise StackError("this backup is not whole, its end is missing: nothing was restored")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _DUMP
        path.write_bytes(dump)
        options = ["--clean", "--if-exists", "--no-owner", "--single-transaction"]
        dsn = metastore.dsn(settings)
        _postgres("pg_restore", *options, f"--dbname={dsn}", str(path), settings=settings)


def _postgres(program: str, *arguments: str, settings: Settings) -> bytes:
    """Run a program of PostgreSQL's on the metastore's database; return what it wrote."""
    target = [] if program == "pg_restore" else [metastore.dsn(settings)]
    result = subprocess.run(
        [program, *arguments, *target],
        env=os.environ
        | {
            "PGUSER": settings.metastore_jdbc_user,
            "PGPASSWORD": settings.metastore_jdbc_password,
        },
        capture_output=True,
    )
    if result.returncode:
        raise StackError(f"{program} failed: {result.stderr.decode(errors='replace').strip()}")
    return result.stdout


def _keys(client: "S3Client", bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            yield found["Key"]


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, BytesIO(content))


@dataclass
class _Readable:
    """A file that can be read from front to end, and nothing else."""

    read: Callable[[int], bytes]


class _Count:
    """How many objects went by, and how many bytes they have."""

    def __init__(self, progress: Progress, title: str) -> None:
        self.objects = 0
        self.size = 0
        self._progress = progress
        self._task = progress.add_task(title, counts="")

    def add(self, size: int) -> None:
        self.objects += 1
        self.size += size
        counts = f"{self.objects:,} objects  {self.size / 1e6:,.1f} MB"
        self._progress.update(self._task, counts=counts)


@contextmanager
def _progress(title: str) -> Iterator[_Count]:
    columns = (TextColumn("{task.description}"), TextColumn("{task.fields[counts]}"))
    with Progress(SpinnerColumn(), *columns, TimeElapsedColumn(), console=errors) as progress:
        yield _Count(progress, title)
