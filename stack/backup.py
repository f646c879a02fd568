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

_OBJECTS = "objects"
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
    client = s3.client(settings)
    with (
        _no_ingest(settings),
        s3.reporting(settings),
        tarfile.open(fileobj=out, mode="w|") as tar,
        _progress("objects saved") as count,
    ):
        _add(tar, _DUMP, _postgres("pg_dump", "--format=custom", settings=settings))
        for bucket in storage.buckets(settings):
            for key in (found["Key"] for found in s3.objects(client, bucket)):
                events = f"{settings.spark_event_log_uri}/"
                # A key that ends in / is a folder of those who need one, and holds nothing.
                if key.endswith("/") or f"s3a://{bucket}/{key}".startswith(events):
                    continue
                try:
                    found = client.get_object(Bucket=bucket, Key=key)
                except client.exceptions.NoSuchKey:
                    raise StackError(
                        f"s3a://{bucket}/{key} was removed while it was to be saved: "
                        "run the backup again"
                    ) from None
                member = tarfile.TarInfo(f"{_OBJECTS}/{bucket}/{key}")
                member.size = found["ContentLength"]
                tar.addfile(member, found["Body"])
                count.add(member.size)
        _add(tar, _END, json.dumps({"objects": count.objects, "bytes": count.size}).encode())


def restore(settings: Settings, backup: IO[bytes]) -> None:
    """Read a backup into a mesh without tables.

    The database comes last and in one transaction: after a restore that failed there are no tables
    and no checkpoints, so it can be run again, or the landed files be ingested afresh.

    Raises:
        IngestError: a source is being ingested.
        StackError: there are tables already, or this is no whole backup.
        UnreachableError: the store or the database does not answer.
    """
    _check_empty(settings)
    client = s3.client(settings)
    # The metastore may be stopped: whoever would ingest needs it too.
    with _no_ingest(settings, in_metastore=False), tempfile.TemporaryDirectory() as folder:
        # Those of tables that are gone would keep the ingest from reading landed files.
        _remove(client, settings.checkpoint_uri, settings)
        dump = Path(folder) / _DUMP
        try:
            _restore_objects(client, backup, dump, settings)
            _check_empty(settings)
            _postgres(
                "pg_restore",
                *("--clean", "--if-exists", "--no-owner", "--single-transaction"),
                str(dump),
                settings=settings,
            )
        except BaseException:
            _remove(client, settings.checkpoint_uri, settings)
            raise


def _restore_objects(client: "S3Client", backup: IO[bytes], dump: Path, settings: Settings) -> None:
    """Put the objects of a backup in their places, and its dump into a file."""
    buckets = storage.buckets(settings)
    end = None
    try:
        with _progress("objects restored") as count, tarfile.open(fileobj=backup, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member)
                kind, _, place = member.name.partition("/")
                bucket, _, key = place.partition("/")
                if content and member.name == _DUMP:
                    dump.write_bytes(content.read())
                elif content and member.name == _END:
                    end = json.load(content)
                elif content and kind == _OBJECTS and bucket in buckets:
                    with s3.reporting(settings):
                        # A member of a stream can be read, though it also offers to seek.
                        readable = cast(IO[bytes], _Readable(content.read))
                        client.upload_fileobj(readable, bucket, key)
                    count.add(member.size)
                else:
                    raise StackError(f"this is no backup of this mesh: it has {member.name}")
    except (tarfile.TarError, ValueError) as error:
        raise StackError(f"this cannot be read as a backup: {error}") from None
    if not dump.exists() or end != {"objects": count.objects, "bytes": count.size}:
        raise StackError("this backup is not whole, its end is missing: there are no tables still")


def _check_empty(settings: Settings) -> None:
    if tables := metastore.count_tables(settings):
        raise StackError(
            f"the metastore has {tables} tables, which a restore would replace: restore into an "
            "empty mesh"
        )


@contextmanager
def _no_ingest(settings: Settings, *, in_metastore: bool = True) -> Iterator[None]:
    with ExitStack() as stack:
        for source in Manifest(settings.manifest_path).sources.values():
            stack.enter_context(exclusive(source, settings, in_metastore=in_metastore))
        yield


def _remove(client: "S3Client", uri: str, settings: Settings) -> None:
    """Remove all objects below a URI."""
    bucket, prefix = s3.split_uri(uri)
    with s3.reporting(settings):
        for found in s3.objects(client, bucket, f"{prefix}/"):
            client.delete_object(Bucket=bucket, Key=found["Key"])


def _postgres(program: str, *arguments: str, settings: Settings) -> bytes:
    """Run a program of PostgreSQL's on the metastore's database; return what it wrote."""
    result = subprocess.run(
        [program, f"--dbname={metastore.dsn(settings)}", *arguments],
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
