"""What a public model owes whoever uses it."""

from typing import Any

from dbt_bouncer.check_framework.decorator import check, fail

from malha.errors import ManifestError
from malha.manifest import product_of

# A constraint does not count: Iceberg keeps no keys, so that nothing would ever check it.
_COMBINATIONS = ("unique_combination_of_columns",)


@check
def check_product_has_owner(model: Any, ctx: Any) -> None:
    """A public model belongs to a group whose owner has a name and an e-mail address."""
    if model.access != "public":
        return
    groups = {group.name: group for group in ctx.manifest_obj.manifest.groups.values()}
    group = groups.get(model.config.group)
    if group is None:
        fail(f"`{model.name}` is public and has no group: set `group` in its config.")
    missing = [field for field in ("name", "email") if not (group.owner or {}).get(field)]
    if missing:
        fail(
            f"`{model.name}` is public, and the owner of its group `{group.name}` "
            f"has no {' and no '.join(missing)}."
        )


@check
def check_product_can_be_served(model: Any, ctx: Any) -> None:
    """What a public model declares for the API can be used: lookup, masks and row filters."""
    if model.access != "public":
        return
    groups = {group.name: group for group in ctx.manifest_obj.manifest.groups.values()}
    try:
        product_of(model, groups.get(model.config.group))
    except ManifestError as error:
        fail(str(error))


@check
def check_product_has_key_test(model: Any, ctx: Any) -> None:
    """A public model has a column, or a combination of them, tested to be unique and not null."""
    if model.access != "public":
        return
    unique: list[set[str]] = []
    filled: set[str] = set()
    for test in ctx.tests_by_attached_node.get(model.unique_id, []):
        # A test that only warns, or looks at a part of the rows, lets a double key be published.
        if test.test_metadata is None or test.config.severity.lower() != "error":
            continue
        if test.config.where:
            continue
        name, arguments = test.test_metadata.name, test.test_metadata.kwargs
        if name == "unique":
            unique.append({arguments["column_name"].lower()})
        elif name in _COMBINATIONS:
            unique.append({column.lower() for column in arguments["combination_of_columns"]})
        elif name == "not_null":
            filled.add(arguments["column_name"].lower())
    if not any(key <= filled for key in unique):
        fail(
            f"`{model.name}` is public and has no key test: give its key column the data tests "
            "`unique` and `not_null`, as errors and over all rows."
        )


@check
def check_product_has_freshness(model: Any, ctx: Any) -> None:
    """Every source that a public model is made from says how old its data may be."""
    if model.access != "public":
        return
    parents = ctx.manifest_obj.manifest.parent_map
    sources = ctx.manifest_obj.manifest.sources
    seen, waiting = set(), [model.unique_id]
    stale = []
    while waiting:
        unique_id = waiting.pop()
        if unique_id in seen:
            continue
        seen.add(unique_id)
        waiting.extend(parents.get(unique_id) or [])
        if unique_id in sources and not _has_freshness(sources[unique_id]):
            stale.append(f"{sources[unique_id].source_name}.{sources[unique_id].name}")
    if stale:
        fail(
            f"`{model.name}` is public and made from {', '.join(sorted(stale))}, without a "
            "freshness expectation: set `freshness` and `loaded_at_field` in the source's config."
        )


def _has_freshness(source: Any) -> bool:
    freshness = source.freshness or {}
    limits = [freshness.get(name) or {} for name in ("warn_after", "error_after")]
    dated = source.loaded_at_field or source.loaded_at_query
    return bool(dated) and any(limit.get("count") and limit.get("period") for limit in limits)
