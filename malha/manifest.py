"""The registry of the mesh: what dbt's manifest says of sources to ingest and products to serve."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from dbt_artifacts_parser.parsers.manifest.manifest_v12 import ManifestV12
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from malha.errors import ManifestError
from malha.serving import Api, Mask, RowFilter, problem_of

Format = Literal["csv", "json", "parquet"]
Encoding = Literal["utf-8", "iso-8859-1"]

# What dbt 1.8 and later write. The package's own parser would load all twelve versions for it.
_SCHEMA = "manifest/v12.json"

REFUSED = "_refused"
"""Where in the landing area files are put that were set aside; no source may read there."""

ADDED_COLUMNS = {
    "_extra": "map<string,string>",
    "_ingested_at": "timestamp",
    "_source_file": "string",
    "_batch_id": "bigint",
    "_corrupt": "string",
    "_position": "bigint",
    "_order_key": "string",
}
"""What the ingest adds to the declared columns of a bronze table, and of which type."""


class Landing(BaseModel):
    """Where a source's files arrive: `config.meta.landing` of a dbt source table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)*$")
    format: Format
    separator: str = Field(",", pattern=r'^[^"\r\n]$')
    """Between the fields of a CSV line."""
    encoding: Encoding = "utf-8"
    """Of CSV files. UTF-8 comes with or without a byte order mark."""
    multiline: bool = False
    """Whether a quoted field of CSV may hold line breaks; such a file is read by one task."""
    decimal_comma: tuple[str, ...] = ()
    """Columns whose numbers are written as 1.234,56; bronze has them as 1234.56."""
    order_by: tuple[str, ...] = ()
    """Declared columns, or `_source_file`, whose texts tell which delivery is the later one."""

    @field_validator("path")
    @classmethod
    def _check_path(cls, path: str) -> str:
        """Refuse the folder of what was set aside."""
        if path.split("/")[0] == REFUSED:
            raise ValueError(f"{REFUSED} is for files that were set aside")
        return path

    @model_validator(mode="after")
    def _check_csv(self) -> "Landing":
        """Refuse what only CSV has where the files are something else."""
        of_csv = {"separator", "encoding", "multiline"} & self.model_fields_set
        if of_csv and self.format != "csv":
            raise ValueError(f"{', '.join(sorted(of_csv))} is for format csv only")
        return self


class Source(BaseModel):
    """A dbt source table that the ingest fills."""

    model_config = ConfigDict(frozen=True)

    name: str
    schema_name: str
    table: str
    landing: Landing
    columns: tuple[str, ...] = Field(min_length=1)
    """The declared columns, as delivered; those that the ingest adds are left out."""

    @model_validator(mode="after")
    def _check_named_columns(self) -> "Source":
        """Refuse options that name what is no column."""
        known = {"decimal_comma": self.columns, "order_by": (*self.columns, "_source_file")}
        for option, columns in known.items():
            if unknown := sorted(set(getattr(self.landing, option)) - set(columns)):
                raise ValueError(f"landing.{option} names {', '.join(unknown)}, not a column")
        return self


class BuiltTable(BaseModel):
    """A table that dbt builds: a model or a snapshot that is neither view nor ephemeral."""

    model_config = ConfigDict(frozen=True)

    name: str
    schema_name: str
    table: str


class Column(BaseModel):
    """A column of a product's contract."""

    model_config = ConfigDict(frozen=True)

    name: str
    data_type: str
    description: str


class Product(BaseModel):
    """A public model with an enforced contract."""

    model_config = ConfigDict(frozen=True)

    name: str
    schema_name: str
    table: str
    description: str
    owner: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    lookup: Column | None
    base_name: str = ""
    """The model's name, which all its versions share."""
    domain: str = ""
    """The dbt group that the model belongs to."""
    open: bool = False
    """Whether it may be read without a key or a token."""
    masks: tuple[Mask, ...] = ()
    row_filters: tuple[RowFilter, ...] = ()
    version: int | None = None
    latest_version: int | None = None
    deprecation_date: datetime | None = None
    """From when on it is not to be relied on; without a time zone in dbt, UTC."""

    @field_validator("deprecation_date")
    @classmethod
    def _in_utc(cls, moment: datetime | None) -> datetime | None:
        return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


class Refused(BaseModel):
    """A product that cannot be served as it is declared; the others can."""

    model_config = ConfigDict(frozen=True)

    name: str
    base_name: str
    version: int | None
    reason: str
    """Where, what, and what to do."""


Declared = TypeVar("Declared", Source, BuiltTable, Product)


class Manifest:
    """dbt's manifest, read once.

    Args:
        path: the manifest.json that any dbt command writes.

    Raises:
        ManifestError: it is missing, is not a manifest, or declares a source that is unusable.
    """

    def __init__(self, path: Path) -> None:
        try:
            written = json.loads(path.read_text("utf-8"))
            schema = str(written["metadata"]["dbt_schema_version"])
            if not schema.endswith(f"/{_SCHEMA}"):
                raise ValueError(f"its schema is {schema}, not {_SCHEMA}")
            self._manifest: Any = ManifestV12.model_validate(written)
        except FileNotFoundError:
            raise ManifestError(
                f"dbt's manifest is not at {path}: run `dbt parse` from the repository's root"
            ) from None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ManifestError(
                f"{path} cannot be read as dbt's manifest ({error}): run `dbt parse` again"
            ) from error
        self.path = path
        self.sources = _by_name(self._read_sources())
        self.tables = _by_name(self._read_tables())
        self.refused: list[Refused] = []
        """Products that cannot be served; a fault is theirs alone."""
        self.products = _by_name(self._read_products())

    def _read_sources(self) -> Iterator[Source]:
        for unique_id, node in sorted(self._manifest.sources.items()):
            meta = (node.config.meta if node.config else None) or {}
            if "landing" not in meta:
                continue
            try:
                yield Source(
                    name=node.name,
                    schema_name=node.schema_,
                    table=node.identifier,
                    landing=meta["landing"],
                    columns=tuple(name for name in node.columns if name not in ADDED_COLUMNS),
                )
            except ValidationError as error:
                raise _unusable(unique_id, node.original_file_path, error) from None

    def _read_tables(self) -> Iterator[BuiltTable]:
        for _, node in sorted(self._manifest.nodes.items()):
            if node.resource_type not in ("model", "snapshot"):
                continue
            if node.config.materialized not in ("view", "ephemeral"):
                name = _unique_name(node)
                yield BuiltTable(name=name, schema_name=node.schema_, table=node.alias)

    def _read_products(self) -> Iterator[Product]:
        groups = {group.name: group for group in self._manifest.groups.values()}
        for _, node in sorted(self._manifest.nodes.items()):
            if node.resource_type != "model" or not node.contract or not node.contract.enforced:
                continue
            if node.access.value != "public":
                continue
            try:
                yield product_of(node, groups.get(node.config.group))
            except ManifestError as error:
                self.refused.append(_refused(node, str(error)))


def product_of(node: Any, group: Any) -> Product:
    """What a public model's node says of it as a product.

    Args:
        node: of dbt's manifest.
        group: the node's group, in the manifest; None where it has none.

    Raises:
        ManifestError: it cannot be served; names the file, the place and what to do.
    """
    try:
        return _product(node, group)
    except ValidationError as error:
        raise _unusable(node.unique_id, node.original_file_path, error) from None
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError) as error:
        # It is what dbt lets through, so it may be anything.
        raise ManifestError(
            f"{node.original_file_path}: {node.unique_id} cannot be read "
            f"({type(error).__name__}: {error})"
        ) from error


def _refused(node: Any, reason: str) -> Refused:
    version = node.version if isinstance(node.version, int) else None
    return Refused(name=_unique_name(node), base_name=node.name, version=version, reason=reason)


def _product(node: Any, group: Any) -> Product:
    """What a model's node says of it as a product."""
    columns = {
        name: Column(name=name, data_type=column.data_type, description=column.description or "")
        for name, column in node.columns.items()
    }
    primary_key = tuple(node.primary_key or ())
    api = Api.model_validate((node.config.meta or {}).get("api", {}))
    types = {name: column.data_type for name, column in columns.items()}
    if problem := problem_of(api, types, primary_key):
        place, _, rest = problem.partition(" ")
        raise ManifestError(
            f"{node.original_file_path}: config.meta.api.{place} of {node.name} {rest}"
        )
    return Product(
        name=_unique_name(node),
        schema_name=node.schema_,
        table=node.alias,
        description=node.description or "",
        owner=str(group.owner.name or group.owner.email) if group else "",
        columns=tuple(columns.values()),
        primary_key=primary_key,
        lookup=columns[api.lookup] if api.lookup else None,
        base_name=node.name,
        domain=node.config.group or "",
        open=api.open,
        masks=tuple(
            Mask(column=name, unless=mask.unless, show=mask.show)
            for name, mask in sorted(api.masks.items())
        ),
        row_filters=api.rows,
        version=node.version,
        latest_version=node.latest_version,
        deprecation_date=node.deprecation_date,
    )


def _unique_name(node: Any) -> str:
    """The name of a model; of one that has versions, that of its table, which tells them apart."""
    return str(node.alias if getattr(node, "version", None) else node.name)


def _by_name(declared: Iterable[Declared]) -> dict[str, Declared]:
    found: dict[str, Declared] = {}
    for one in declared:
        if one.name in found:
            raise ManifestError(
                f"{one.name} is declared for {found[one.name].schema_name}.{found[one.name].table} "
                f"and for {one.schema_name}.{one.table}: give one of them another name"
            )
        found[one.name] = one
    return found


def _unusable(unique_id: str, file: str, error: ValidationError) -> ManifestError:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"]) or "declaration"
    return ManifestError(f"{file}: {unique_id}: {where}: {problem['msg']} ({problem['input']!r})")
