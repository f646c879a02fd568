"""Which sources to ingest, and whether what they need is there before Spark is started."""

import fcntl
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ingest.errors import IngestError, LandingError, UnknownSourceError
from malha import metastore, s3
from malha.manifest import Manifest, Source
from malha.settings import Settings


def select(manifest: Manifest, names: Sequence[str]) -> list[Source]:
    """The sources of these names, or all of them where no name is given.

    Raises:
        UnknownSourceError: a name is none of the manifest's sources with a landing.
    """
    unknown = [name for name in names if name not in manifest.sources]
    if unknown or not manifest.sources:
        known = ", ".join(manifest.sources) or "none"
        wanted = ", ".join(unknown) or "any"
        raise UnknownSourceError(
            f"unknown source: {wanted}. Sources with a landing: {known}. A source is a table "
            "under `sources:` in dbt_project/models whose config.meta.landing has path and format"
        )
    return [manifest.sources[name] for name in dict.fromkeys(names or manifest.sources)]


def landing_uri(source: Source, settings: Settings) -> str:
    """The URI below which the source's files arrive."""
    return f"{settings.landing_uri.rstrip('/')}/{source.landing.path}"


def check_services(settings: Settings) -> None:
    """Check that the store and the metastore answer.

    Raises:
        UnreachableError: one of them does not.
    """
    s3.check(settings)
    metastore.check(settings)


def check_landing(source: Source, settings: Settings) -> None:
    """Check that something has ever landed for the source.

    Raises:
        LandingError: its landing path does not exist.
        UnreachableError: the store does not let it be seen.
    """
    uri = landing_uri(source, settings)
    bucket, prefix = s3.split_uri(uri)
    with s3.reporting(settings):
        client = s3.client(settings)
        try:
            answer = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/", MaxKeys=1)
            found = answer["KeyCount"]
        except client.exceptions.NoSuchBucket:
            found = 0
    if not found:
        raise LandingError(
            f"source {source.name}: nothing has landed at {uri}: put {source.landing.format} "
            "files there, or correct config.meta.landing.path of the source"
        )


@contextmanager
def exclusive(source: Source, settings: Settings) -> Iterator[None]:
    """Keep every other process that has the same STACK_DIR from ingesting the source.

    Raises:
        IngestError: another one does so at this moment.
    """
    settings.stack_dir.mkdir(parents=True, exist_ok=True)
    path = settings.stack_dir / f"ingest-{source.name}.lock"
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise IngestError(
                f"source {source.name} is being ingested by {lock.read()}: "
                "wait until that has ended, then run this again if need be"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        yield
