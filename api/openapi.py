"""The OpenAPI document: a path for each product, made from its contract."""

from typing import Any

from fastapi.openapi.utils import get_openapi

from api.columns import kind
from api.formats import FORMATS
from api.parameters import MAX_VALUES, operators
from api.patterns import MAX_WILDCARDS
from api.problems import MEDIA_TYPE, Problem
from api.query import DEFAULT_LIMIT, MAX_LIMIT
from api.registry import Catalogue, Served
from malha.manifest import Column, Product

Json = dict[str, Any]

_PROBLEMS = {
    "401": "No key or token, or one that is not good",
    "403": "The key or token does not reach this product",
    "406": "No form that `Accept` names",
    "410": "The snapshot of the cursor has expired",
    "413": "The request has a body",
    "414": "Path and query are too long",
    "422": "Parameters that cannot be used, each with what is allowed",
    "429": "Too many requests",
    "431": "The headers are too long",
    "500": "The query failed",
    "503": "The query engine is busy or does not answer, or the product is not built yet",
    "504": "The query took too long and was cancelled",
}

_OPERATORS = {
    "eq": "equal to (also without `.eq`)",
    "ne": "other than",
    "gt": "greater than",
    "gte": "at least",
    "lt": "less than",
    "lte": "at most",
    "in": "one of these, separated by commas",
    "like": "like this pattern: `%` is any text, `_` any character, `\\` makes them plain",
    "is": "`null` or `not_null`",
}


def document(routes: Any, catalogue: Catalogue, title: str, summary: str, version: str) -> Json:
    """The document of the application's own routes and of all products."""
    found = get_openapi(title=title, summary=summary, version=version, routes=routes)
    components = found.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _inlined(Problem.model_json_schema())
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a JWT"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for served in catalogue.products:
        product = served.product
        components["schemas"][_schema_name(served)] = _row(product)
        found["paths"][served.path] = {"get": _operation(served, None)}
        if product.lookup:
            path = f"{served.path}/{{{product.lookup.name}}}"
            found["paths"][path] = {"get": _operation(served, product.lookup)}
    return found


def _operation(served: Served, lookup: Column | None) -> Json:
    product = served.product
    name = served.path.removeprefix("/api/").replace("/", "_").replace("-", "_")
    security: list[Json] = [{"bearer": []}, {"key": []}]
    return {
        "operationId": f"{name}_by_{lookup.name}" if lookup else name,
        "summary": f"{product.description} Those of one {lookup.name}."
        if lookup
        else product.description,
        "tags": [product.owner or "products"],
        "deprecated": product.deprecation_date is not None,
        "security": [*security, {}] if product.open else security,
        "parameters": [*_path_parameters(lookup), *_parameters(product)],
        "responses": {
            "200": {
                "description": "Rows in the order of `sort`, then of the key",
                "headers": {
                    "ETag": _header("Of snapshot, query, form and the caller's rights"),
                    "Link": _header('`rel="next"`: the next page'),
                    "Next-Cursor": _header("The next page's `cursor`"),
                    "Total-Count": _header("With `count=exact`: rows of all pages"),
                    "Truncated": _header("`true`: there are more rows, and no next page"),
                    "Masked-Columns": _header("The columns that you do not see as they are"),
                },
                "content": {
                    one.media_type: {
                        "schema": {
                            "type": "array",
                            "items": {"$ref": f"#/components/schemas/{_schema_name(served)}"},
                        }
                        if one.name == "json"
                        else {"type": "string", "format": "binary"}
                    }
                    for one in FORMATS.values()
                },
            },
            "304": {"description": "Nothing is new since the answer with this `ETag`"},
            # Said by the HTTP server, before the API has seen anything.
            "400": {
                "description": "No HTTP request, or one whose first line is longer than 64 KiB",
                "content": {"text/plain": {"schema": _TEXT}},
            },
            **{
                status: {
                    "description": description,
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                for status, description in _PROBLEMS.items()
            },
        },
    }


def _path_parameters(lookup: Column | None) -> list[Json]:
    if lookup is None:
        return []
    return [
        {
            "name": lookup.name,
            "in": "path",
            "required": True,
            "description": lookup.description,
            "schema": kind(lookup).asked,
        }
    ]


def _parameters(product: Product) -> list[Json]:
    names = [column.name for column in product.columns]
    one_of = {"type": "string", "enum": names}
    sortable = {"type": "string", "enum": [*names, *(f"-{name}" for name in names)]}
    functions = ["count"] + [
        f"{function}.{column.name}"
        for column in product.columns
        for function in ("count", "sum", "avg", "min", "max")
        if function not in ("sum", "avg") or kind(column).number
    ]
    limit = {
        "oneOf": [
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            {"type": "string", "enum": ["all"]},
        ],
        "default": DEFAULT_LIMIT,
    }
    general = [
        _parameter("limit", "At most so many rows; `all` streams them all", limit),
        _parameter("cursor", "Where the page begins: `Next-Cursor` of the one before", _TEXT),
        _parameter("select", "The columns that are shown, separated by commas", _list(one_of)),
        _parameter("sort", "By these columns; `-` turns one round", _list(sortable)),
        _parameter("count", "Say how many rows there are", {"type": "string", "enum": ["exact"]}),
        _parameter("group_by", "One row for each value of these", _list(one_of)),
        _parameter(
            "aggregate",
            "What is said of each group: `count,sum.valor`",
            _list({"type": "string", "enum": functions}, unique=False),
        ),
        _parameter("format", "In place of `Accept`", {"type": "string", "enum": list(FORMATS)}),
    ]
    filters = [
        _parameter(
            f"{column.name}.{operator}",
            f"{column.description} Rows where it is {_OPERATORS[operator]}.",
            _filter_schema(column, operator),
        )
        for column in product.columns
        for operator in operators(column)
    ]
    return general + filters


_TEXT: Json = {"type": "string"}


def _filter_schema(column: Column, operator: str) -> Json:
    schema = kind(column).asked
    if operator == "in":
        if kind(column).text:
            schema = schema | {"pattern": "^[^,\\u0000]*$"}
        return _list(schema, unique=False) | {"maxItems": MAX_VALUES}
    if operator == "is":
        return {"type": "string", "enum": ["null", "not_null"]}
    if operator == "like":
        plain = "([^%_\\\\\\u0000]|\\\\[%_\\\\])*"
        pattern = f"^({plain}(%+|_)){{0,{MAX_WILDCARDS}}}{plain}$"
        return schema | {"pattern": pattern, "examples": ["A%"]}
    return schema


def _list(items: Json, *, unique: bool = True) -> Json:
    return {"type": "array", "items": items, "uniqueItems": unique, "minItems": 1}


def _parameter(name: str, description: str, schema: Json) -> Json:
    found: Json = {"name": name, "in": "query", "description": description, "schema": schema}
    if schema.get("type") == "array":
        found |= {"style": "form", "explode": False}
    return found


def _row(product: Product) -> Json:
    masked = {
        mask.column: f" Masked for callers without the scope `{mask.unless}`."
        for mask in product.masks
    }
    properties = {
        column.name: {
            "description": column.description + masked.get(column.name, ""),
            "anyOf": [_without_examples(kind(column).schema), {"type": "null"}],
            "examples": kind(column).schema["examples"],
        }
        for column in product.columns
    }
    return {"type": "object", "description": product.description, "properties": properties}


def _without_examples(schema: Json) -> Json:
    return {key: value for key, value in schema.items() if key != "examples"}


def _schema_name(served: Served) -> str:
    return served.path.removeprefix("/api/").replace("/", "_").replace("-", "_")


def _header(description: str) -> Json:
    return {"description": description, "schema": _TEXT}


def _inlined(schema: Json) -> Json:
    """A schema whose parts stand where they are used."""
    parts = schema.pop("$defs", {})

    def put(node: Any) -> Any:
        if isinstance(node, dict):
            reference = node.get("$ref", "")
            if reference.startswith("#/$defs/"):
                return put(parts[reference.removeprefix("#/$defs/")])
            return {key: put(value) for key, value in node.items()}
        return [put(one) for one in node] if isinstance(node, list) else node

    return put(schema)  # type: ignore[no-any-return]
