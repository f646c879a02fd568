"""The files of a source as they were delivered, and whether they have its columns."""

import codecs
import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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
            if found["Size"] and not hidden(found["Key"].removeprefix(prefix)):
                yield f"s3a://{bucket}/{found['Key']}"


def hidden(path: str) -> bool:
    """Whether a path below a source's own is one that Spark passes over."""
    return any(
        (part.startswith("_") and "=" not in part) or part.startswith(".")
        for part in path.split("/")
    )


def csv_headers(source: Source, uris: Sequence[str], settings: Settings) -> list[Delivery]:
    """Read the header line of each CSV file.

    Raises:
        DeliveryError: in files that it names, a header cannot be read or names a column twice.
    """
    problems: dict[str, str] = {}

    def header(uri: str) -> Delivery | None:
        try:
            return Delivery(uri, parse_header(_beginning(uri, settings), source.landing))
        except ValueError as error:
            problems[uri] = str(error)
            return None

    with s3.reporting(settings), ThreadPoolExecutor(max_workers=16) as pool:
        found = [delivery for delivery in pool.map(header, uris) if delivery]
    if problems:
        check_columns(source, found, problems)  # all at once, not one file a run
    return found


def _beginning(uri: str, settings: Settings) -> bytes:
    """The first bytes of a file, gunzipped where its name says that it is gzip."""
    if uri.startswith("file:"):
        with Path(uri.removeprefix("file:")).open("rb") as file:
            start = file.read(_HEADER_BYTES)
    else:
        bucket, key = s3.split_uri(uri)
        answer = s3.client(settings).get_object(
            Bucket=bucket, Key=key, Range=f"bytes=0-{_HEADER_BYTES}"
        )
        start = answer["Body"].read()
    if not uri.endswith(".gz"):
        return start
    try:
        return zlib.decompressobj(wbits=31).decompress(start, _HEADER_BYTES)
    except zlib.error as error:
        raise ValueError(f"it is not gzip ({error}): deliver it again") from None


def parse_header(start: bytes, landing: Landing) -> tuple[str, ...]:
    """The column names in the first line of a CSV file that begins with these bytes.

    Raises:
        ValueError: there is no such line, or it is not in the declared encoding or names a column
            twice.
    """
    first_line = start.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].rstrip(b"\r")
    try:
        line = first_line.decode(landing.encoding)
        columns = next(csv.reader([line], delimiter=landing.separator), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"its header is not CSV in {landing.encoding.upper()} ({error}): deliver it again, or "
            "declare its `encoding` in config.meta.landing of the source"
        ) from None
    names = tuple(name.strip() for name in columns)
    if not any(names):
        raise ValueError("it has no header line: deliver it again or remove it")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"its header names {', '.join(twice)} more than once")
    return names


def check_columns(
    source: Source, deliveries: Sequence[Delivery], problems: Mapping[str, str] | None = None
) -> set[str]:
    """Check that every file has every declared column; return the undeclared ones they have.

    Args:
        problems: what is wrong with other files, by their URIs; to be told along with it.

    Raises:
        DeliveryError: declared columns are missing from files, which it names, or others had
            problems.
    """
    if found_wrong := {**(problems or {}), **_lacking(source, deliveries)}:
        raise DeliveryError.of(found_wrong)
    found = {name for delivery in deliveries for name in delivery.columns}
    return found - set(source.columns)


def _lacking(source: Source, deliveries: Sequence[Delivery]) -> dict[str, str]:
    """What is to be said of each file that lacks a declared column."""
    problems = {}
    for delivery in deliveries:
        missing = [name for name in source.columns if name not in delivery.columns]
        if missing:
            hint = ""
            if len(delivery.columns) == 1 and source.landing.format == "csv":
                hint = f" The declared separator is {source.landing.separator!r}."
            problems[delivery.uri] = (
                f"it lacks {', '.join(missing)}, declared by source {source.name} "
                f"(it has {', '.join(delivery.columns)}): deliver it again with "
                f"{'that column' if len(missing) == 1 else 'those columns'}, or change the "
                f"declaration under `sources:`.{hint}"
            )
    return problems
