"""Landed files: whose they are, what has become of them, taking them away."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ingest.errors import IngestError
from ingest.landing import hidden, landing_uri
from ingest.pending import seen
from malha import s3
from malha.manifest import REFUSED, Source
from malha.settings import Settings


@dataclass(frozen=True)
class LandedFile:
    """A file in the landing area."""

    uri: str
    source: str
    size: int
    """In bytes."""
    landed_at: datetime
    state: str
    """`ingested`, `new`, `ignored` (no bytes, or a hidden name), `interrupted` (a run that was is
    still to tell)."""


def landed_files(source: Source, settings: Settings) -> list[LandedFile]:
    """What is where a source's files arrive, in the order of the names.

    Raises:
        UnreachableError: the store does not answer.
    """
    read = _seen(source, settings)
    bucket, prefix = s3.split_uri(landing_uri(source, settings))
    client = s3.client(settings)
    found = []
    with s3.reporting(settings), suppress(client.exceptions.NoSuchBucket):
        for one in s3.objects(client, bucket, f"{prefix}/"):
            uri = f"s3a://{bucket}/{one['Key']}"
            if one["Key"].endswith("/"):
                continue
            if not one["Size"] or hidden(one["Key"].removeprefix(f"{prefix}/")):
                state = "ignored"
            elif read is None:
                state = "interrupted"
            else:
                state = "ingested" if uri in read else "new"
            found.append(LandedFile(uri, source.name, one["Size"], one["LastModified"], state))
    return found


def remove(names: Iterable[str], sources: Iterable[Source], settings: Settings) -> list[LandedFile]:
    """Take landed files away; what bronze has of them stays.

    Args:
        names: URIs, or paths below the landing area.

    Raises:
        IngestError: there is no such file, or no source reads it; then none is removed.
        UnreachableError: the store does not answer.
    """
    sources = list(sources)
    wanted = [uri_of(name, settings) for name in dict.fromkeys(names)]
    owners = {source.name: source for uri in wanted if (source := owner(uri, sources, settings))}
    there = {
        file.uri: file for source in owners.values() for file in landed_files(source, settings)
    }
    if missing := [uri for uri in wanted if uri not in there]:
        raise IngestError(
            f"{missing[0]}: no such file has landed for any source; nothing was removed. "
            "`malha-ingest --files` lists them"
        )
    client = s3.client(settings)
    with s3.reporting(settings):
        for uri in wanted:
            bucket, key = s3.split_uri(uri)
            client.delete_object(Bucket=bucket, Key=key)
    return [there[uri] for uri in wanted]


def set_aside(uri: str, settings: Settings, moment: datetime) -> str:
    """Move a file to where no source reads; return its new URI.

    Raises:
        UnreachableError: the store does not answer.
    """
    area = settings.landing_uri.rstrip("/")
    bucket, key = s3.split_uri(uri)
    moved = f"{area}/{REFUSED}/{moment:%Y%m%dT%H%M%SZ}/{uri.removeprefix(area).lstrip('/')}"
    with s3.reporting(settings):
        client = s3.client(settings)
        to_bucket, to_key = s3.split_uri(moved)
        client.copy(CopySource={"Bucket": bucket, "Key": key}, Bucket=to_bucket, Key=to_key)
        client.delete_object(Bucket=bucket, Key=key)
    return moved


def uri_of(name: str, settings: Settings) -> str:
    """The URI of a file given by URI (s3:// or s3a://) or by its path below the landing area."""
    scheme, _, rest = name.partition("://")
    if scheme in ("s3", "s3a") and rest:
        return f"s3a://{rest}"
    return f"{settings.landing_uri.rstrip('/')}/{name.lstrip('/')}"


def owner(uri: str, sources: Iterable[Source], settings: Settings) -> Source | None:
    """The source that reads a landed file; none where its name is one that runs pass over."""
    for source in sources:
        below = uri.removeprefix(f"{landing_uri(source, settings)}/")
        if below != uri and not hidden(below):
            return source
    return None


def owner_of_path(path: str, sources: Iterable[Source]) -> Source | None:
    """The source whose landing path is in a path elsewhere: `delivery/pedidos/pedido/a.csv`."""
    for source in sources:
        _, found, below = f"/{path}".rpartition(f"/{source.landing.path}/")
        if found and not hidden(below):
            return source
    return None


def _seen(source: Source, settings: Settings) -> set[str] | None:
    try:
        return seen(source, settings)
    except (ValueError, KeyError, TypeError):
        return None  # a checkpoint of another form
