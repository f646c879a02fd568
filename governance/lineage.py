"""Where each column comes from, traced by sqlglot through the SQL that dbt compiled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage

from malha.errors import ManifestError

_MADE_BY_DBT = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
"""Columns of a snapshot that its query does not have."""


@dataclass(frozen=True, order=True)
class Origin:
    """A column of a table or view."""

    relation: str
    """`prata.pedido`"""
    column: str

    def __str__(self) -> str:
        return f"{self.relation}.{self.column}"


class Lineage:
    """The columns of the project and what each is made from.

    Args:
        manifest: dbt's, as `dbt compile` or `dbt docs generate` writes it.

    Raises:
        ManifestError: a model is not compiled, or a column of it is not in its query.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._parents: dict[Origin, tuple[Origin, ...]] = {}
        built = models_of(manifest)
        known: dict[str, dict[str, dict[str, str]]] = {}
        for node in [*built, *manifest["sources"].values()]:
            schema, _, table = relation_of(node).partition(".")
            known.setdefault(schema, {})[table] = {
                name: column.get("data_type") or "string"
                for name, column in node["columns"].items()
            }
        for node in built:
            if not node.get("compiled_code"):
                raise ManifestError(f"{node['name']} is not compiled: run `dbt compile` first")
            for column in node["columns"]:
                if node["resource_type"] != "snapshot" or column not in _MADE_BY_DBT:
                    self._parents[Origin(relation_of(node), column)] = _parents(node, column, known)

    def columns(self, relation: str) -> list[Origin]:
        """The columns of a model or snapshot."""
        return [origin for origin in self._parents if origin.relation == relation]

    def parents(self, origin: Origin) -> tuple[Origin, ...]:
        """The columns that this one is computed from; none for a count, a constant or a source."""
        return self._parents.get(origin, ())

    def sources(self, origin: Origin) -> tuple[Origin, ...]:
        """The columns at the beginning: of tables that no model makes."""
        if origin not in self._parents:
            return (origin,)
        found = {one for parent in self.parents(origin) for one in self.sources(parent)}
        return tuple(sorted(found))


def models_of(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The models and snapshots of a manifest."""
    nodes = manifest["nodes"].values()
    return [node for node in nodes if node["resource_type"] in ("model", "snapshot")]


def relation_of(node: Mapping[str, Any]) -> str:
    """Schema and name of a node or source."""
    return f"{node['schema']}.{node.get('alias') or node['identifier']}"


def _parents(
    node: Mapping[str, Any], column: str, known: dict[str, dict[str, dict[str, str]]]
) -> tuple[Origin, ...]:
    try:
        root = lineage(column, node["compiled_code"], schema=known, dialect="spark")
    except SqlglotError as error:
        raise ManifestError(f"{node['name']}: {column} cannot be traced: {error}") from error
    found = {
        Origin(f"{one.source.db}.{one.source.name}", one.name.rpartition(".")[2])
        for one in root.walk()
        if isinstance(one.source, exp.Table)
    }
    return tuple(sorted(found))


def describe(manifest: dict[str, Any]) -> int:
    """Add to the description of each column where it comes from.

    Returns:
        How many columns were described.
    """
    traced = Lineage(manifest)
    described = 0
    for node in models_of(manifest):
        for origin in traced.columns(relation_of(node)):
            column = node["columns"][origin.column]
            column["description"] = f"{column['description']}\n\n{_sentence(traced, origin)}"
            described += 1
    return described


def _sentence(traced: Lineage, origin: Origin) -> str:
    parents, sources = traced.parents(origin), traced.sources(origin)
    if not parents:
        return "From no column: a count or a constant."
    said = f"From {_names(parents)}."
    return said if parents == sources else f"{said} At the beginning: {_names(sources)}."


def _names(origins: tuple[Origin, ...]) -> str:
    return ", ".join(f"`{origin}`" for origin in origins)
