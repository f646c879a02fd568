"""Which sources to ingest, and whether what they need is there before Spark is started."""

from collections.abc import Sequence

from ingest.errors import UnknownSourceError
from ingest.landing import landing_uri as landing_uri
from ingest.lock import exclusive as exclusive
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


def check_services(settings: Settings) -> None:
    """Check that the store and the metastore answer.

    Raises:
        UnreachableError: one of them does not.
    """
    s3.check(settings)
    metastore.check(settings)
