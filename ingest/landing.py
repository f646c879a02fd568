"""The files of a source as they were delivered, and whether they have its columns."""

import codecs
import csv
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from ingest.errors import DeliveryError
from malha import s3
from malha.manifest import Landing, Source
from malha.settings import Settings

_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class Delivery:
    """A landing file and the columns that it has, in its own order."""

    uri: str
    columns: tuple[str, ...]


def landing_uri(source: Source, settings: Settings) -> str:
    """The URI below which the source's files arrive."""
    return f"{settings.landing_uri.rstrip('/')}/{source.landing.path}"


def has_landed(source: Source, settings: Settings) -> bool:
    """Whether there is anything where the source's files arrive.

    Raises:
        UnreachableError: the store does not answer.
    """
    bucket, prefix = s3.split_uri(landing_uri(source, settings))
    with s3.reporting(settings):
        client = s3.client(settings)
        with suppress(client.exceptions.NoSuchBucket):
            answer = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/", MaxKeys=1)
            return bool(answer["KeyCount"])
    return False


def landed(source: Source, settings: Settings) -> Iterator[str]:
    """The URIs of the source's files, as they are now.

    As Spark sees them: without files of no bytes, and without what has a name, or is in a folder
    with a name, that begins with a dot or an underscore.
    """
    bucket, prefix = s3.split_uri(landing_uri(source, settings))
    prefix = f"{prefix}/"
    client = s3.client(settings)
    with s3.reporting(settings), suppress(client.exceptions.NoSuchBucket):
        for found in s3.objects(client, bucket, prefix):
            parts = found["Key"].removeprefix(prefix).split("/")
            if found["Size"] and not any(_hidden(part) for part in parts):
                yield f"s3a://{bucket}/{found['Key']}"


def _hidden(part: str) -> bool:
    return (part.startswith("_") and "=" not in part) or part.startswith(".")


def csv_headers(source: Source, uris: Sequence[str], settings: Settings) -> list[Delivery]:
    """Read the header line of each CSV file.

    Raises:
        DeliveryError: a file is empty, or its header cannot be read or names a column twice.
    """
    client = s3.client(settings)

    def header(uri: str) -> Delivery:
        bucket, key = s3.split_uri(uri)
        answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{_HEADER_BYTES}")
        body = answer["Body"].read()
        if uri.endswith(".gz"):
            body = _gunzip(uri, body)
        return Delivery(uri, parse_header(uri, body, source.landing))

    with s3.reporting(settings), ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(header, uris))


def _gunzip(uri: str, start: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(start, _HEADER_BYTES)
    except zlib.error as error:
        raise DeliveryError(f"{uri}: it is not gzip ({error}): deliver it again") from None


def parse_header(uri: str, start: bytes, landing: Landing) -> tuple[str, ...]:
    """The column names in the first line of a CSV file that begins with these bytes.

    Raises:
        DeliveryError: there is no such line, or it is not in the declared encoding or names a
            column twice.
    """
    first_line = start.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].rstrip(b"\r")
    try:
        line = first_line.decode(landing.encoding)
        columns = next(csv.reader([line], delimiter=landing.separator), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DeliveryError(
            f"{uri}: its header is not CSV in {landing.encoding.upper()} ({error}): deliver it "
            "again, or declare its `encoding` in config.meta.landing of the source"
        ) from None
    names = tuple(name.strip() for name in columns)
    if not any(names):
        raise DeliveryError(f"{uri}: it has no header line: deliver it again or remove it")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DeliveryError(f"{uri}: its header names {', '.join(twice)} more than once")
    return names


def check_columns(source: Source, deliveries: Sequence[Delivery]) -> set[str]:
    """Check that every file has every declared column; return the undeclared ones they have.

    Raises:
        DeliveryError: a declared column is missing from a file.
    """
    undeclared: set[str] = set()
    for delivery in deliveries:
        missing = [name for name in source.columns if name not in delivery.columns]
        if missing:
            hint = ""
            if len(delivery.columns) == 1 and source.landing.format == "csv":
                hint = f" The declared separator is {source.landing.separator!r}."
            raise DeliveryError(
                f"{delivery.uri}: it lacks {', '.join(missing)}, declared by source {source.name} "
                f"(it has {', '.join(delivery.columns)}): deliver it again with "
                f"{'that column' if len(missing) == 1 else 'those columns'}, or change the "
                f"declaration under `sources:`.{hint}"
            )
        undeclared.update(set(delivery.columns) - set(source.columns))
    return undeclared
