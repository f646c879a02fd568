"""What a bronze source declares."""

from typing import Any

from dbt_bouncer.check_framework.decorator import check, fail

from malha.manifest import ADDED_COLUMNS


@check
def check_source_columns_described(source: Any) -> None:
    """Every column of a source has a description, those that the ingest adds included."""
    columns = source.columns or {}
    undeclared = [name for name in ADDED_COLUMNS if name not in columns]
    if undeclared:
        fail(
            f"`{source.source_name}.{source.name}` does not declare {', '.join(undeclared)}, "
            "which the ingest adds."
        )
    bare = [name for name, column in columns.items() if not (column.description or "").strip()]
    if bare:
        fail(
            f"`{source.source_name}.{source.name}` has columns without a description: "
            f"{', '.join(bare)}."
        )


@check
def check_source_has_owner_and_landing(source: Any, ctx: Any) -> None:
    """A source names the group that owns it, and where its files land in which format."""
    groups = {group.name for group in ctx.manifest_obj.manifest.groups.values()}
    meta = (source.config or {}).get("meta") or {}
    if meta.get("owner") not in groups:
        fail(
            f"`{source.source_name}.{source.name}` has the owner {meta.get('owner')!r}: set "
            f"`meta.owner` in its config to a group ({', '.join(sorted(groups))})."
        )
    landing = meta.get("landing") or {}
    missing = [field for field in ("path", "format") if not landing.get(field)]
    if missing:
        fail(
            f"`{source.source_name}.{source.name}` does not say where its files land: "
            f"`meta.landing` in its config lacks {' and '.join(missing)}."
        )


@check
def check_source_description_states_grain(source: Any) -> None:
    """The first sentence of a source's description says what one row of it is."""
    if not (source.description or "").startswith("One row per "):
        fail(
            f"`{source.source_name}.{source.name}` has the description "
            f"{(source.description or '')!r}, which does not start with 'One row per'."
        )
