"""How a product is served, by `config.meta.api` of its dbt model: lookup, masks, row filters."""

import importlib.util
from collections.abc import Collection, Mapping

from pydantic import BaseModel, ConfigDict

from malha.scopes import Scope

_TEXT = ("string", "varchar", "char")


class DeclaredMask(BaseModel):
    """What stands in a masked column, and who reads it unmasked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unless: Scope
    """The scope with which the column is read as it is."""
    show: str | None = None
    """What everybody else reads: this text, or null."""


class RowFilter(BaseModel):
    """A predicate that keeps rows from whoever lacks a scope."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unless: Scope
    """The scope with which all rows are read."""
    where: str
    """A predicate in Spark's SQL, over contracted columns: everybody else reads these rows."""


class Api(BaseModel):
    """How a product is served: `config.meta.api` of a dbt model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lookup: str | None = None
    """The column whose value `/api/<product>/{value}` selects by."""
    open: bool = False
    """Whether it may be read without a key or a token."""
    masks: dict[str, DeclaredMask] = {}
    """By column."""
    rows: tuple[RowFilter, ...] = ()


class Mask(BaseModel):
    """A column that only some may read as it is."""

    model_config = ConfigDict(frozen=True)

    column: str
    unless: str
    """The scope with which the column is read as it is."""
    show: str | None
    """What everybody else reads: this text, or null."""


def problem_of(api: Api, types: Mapping[str, str], primary_key: Collection[str]) -> str | None:
    """What is wrong with a declaration, and what to do; it begins with the place below `api`.

    Args:
        types: the data types of the contracted columns, by name.
        primary_key: the columns that identify a row.
    """
    known = ", ".join(types)
    if api.lookup is not None and api.lookup not in types:
        return f"lookup names {api.lookup!r}, which is none of its columns ({known})"
    for column, mask in api.masks.items():
        if column not in types:
            return f"masks names {column!r}, which is none of its columns ({known})"
        if column == api.lookup or column in primary_key:
            role = "is the lookup column" if column == api.lookup else "is in the primary key"
            return (
                f"masks names {column!r}, which {role}: whoever asks by its value would find the "
                "rows that the mask hides; mask another column, or make a product without this one"
            )
        kind = types[column]
        if mask.show is not None and kind.lower().partition("(")[0].strip() not in _TEXT:
            return (
                f"masks.{column}.show is {mask.show!r}, and a {kind} cannot show a text: "
                "leave `show` out, so that null is shown"
            )
    for number, rule in enumerate(api.rows):
        if problem := _problem_of_predicate(rule.where, types):
            return f"rows[{number}].where {problem} ({rule.where!r})"
    return None


def _problem_of_predicate(where: str, types: Mapping[str, str]) -> str | None:
    # Only the images that serve products, and the machine that develops them, have sqlglot; what
    # ingests or keeps the lake reads the same manifest and never applies a filter.
    if importlib.util.find_spec("sqlglot") is None:
        return None
    from malha.predicates import problem_of_predicate

    return problem_of_predicate(where, types)
