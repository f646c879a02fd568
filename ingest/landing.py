"""The files of a source as they were delivered, and whether they have its columns."""

import codecs
import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ingest.errors import DeliveryError
from malha import s3
from malha.manifest import Source
from malha.settings import Settings

_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True)
class Delivery:
    """A landing file and the columns that it has, in its own order."""

    uri: str
    columns: tuple[str, ...]


def csv_headers(uris: Sequence[str], settings: Settings) -> list[Delivery]:
    """Read the header line of each CSV file.

    Raises:
        DeliveryError: a file is empty, or its header is not UTF-8 or names a column twice.
    """
    client = s3.client(settings)

    def header(uri: str) -> Delivery:
        bucket, key = s3.split_uri(uri)
        answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{_HEADER_BYTES}")
        body = answer["Body"].read()
        return Delivery(uri, parse_header(uri, body))

    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(header, uris))


def parse_header(uri: str, start: bytes) -> tuple[str, ...]:
    """The column names in the first line of a CSV file that begins with these bytes.

    Raises:
        DeliveryError: there is no such line, or it is not UTF-8 or names a column twice.
    """
    first_line = start.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0].rstrip(b"\r")
    try:
        columns = next(csv.reader([first_line.decode("utf-8")]), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DeliveryError(
            f"{uri}: its header is not CSV in UTF-8 ({error}): deliver it again"
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
            raise DeliveryError(
                f"{delivery.uri}: it lacks {', '.join(missing)}, declared by source {source.name} "
                f"(it has {', '.join(delivery.columns)}): deliver it again with "
                f"{'that column' if len(missing) == 1 else 'those columns'}, or change the "
                "declaration under `sources:`"
            )
        undeclared.update(set(delivery.columns) - set(source.columns))
    return undeclared
