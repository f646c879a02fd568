"""What OpenAPI cannot say of the API: which parameters do not go together, and that a cursor is
signed. Loaded by Schemathesis through SCHEMATHESIS_HOOKS."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Any, kwargs: dict[str, Any]) -> None:
    """Leave out of a request that should be answered what makes it one that cannot be."""
    del context, kwargs
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query = case.query
    if not query:
        return
    query.pop("cursor", None)
    if query.get("limit") == "all":
        query.pop("count", None)
    if "group_by" in query or "aggregate" in query:
        query.pop("select", None)
        query.pop("sort", None)
    if isinstance(sort := query.get("sort"), list | str):
        names = sort.split(",") if isinstance(sort, str) else sort
        once = {name.removeprefix("-"): name for name in names}
        query["sort"] = ",".join(once.values()) if isinstance(sort, str) else list(once.values())
