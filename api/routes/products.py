"""The paths of the products, made from their contracts."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from api import queries
from api.deps import EngineDep, PageDep
from api.problems import MEDIA_TYPE, Problem
from api.rows import as_json, bounds, python_type, row_model
from malha.manifest import Product

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": description, "content": {MEDIA_TYPE: {}}}
    for status, description in {
        422: "A parameter cannot be used",
        503: "The query engine is busy or does not answer, or the product is not built yet",
        504: "The query took too long and was cancelled",
    }.items()
}


class ProductSummary(BaseModel):
    """A product in the catalogue."""

    name: str
    path: str
    lookup: str | None
    description: str
    owner: str
    columns: dict[str, str]


def path_of(product: Product) -> str:
    """The product's path: its name in kebab case."""
    return "/api/" + product.name.replace("_", "-")


def catalogue(products: Iterable[Product]) -> APIRouter:
    """`GET /api`: what there is."""
    router = APIRouter(tags=["catalogue"])
    summaries = [
        ProductSummary(
            name=product.name,
            path=path_of(product),
            lookup=f"{path_of(product)}/{{{product.lookup.name}}}" if product.lookup else None,
            description=product.description,
            owner=product.owner,
            columns={column.name: column.data_type for column in product.columns},
        )
        for product in products
    ]

    @router.get("/api")
    def list_products() -> list[ProductSummary]:
        """The products, their columns and their owners."""
        return summaries

    return router


def routes_of(product: Product) -> APIRouter:
    """`GET /api/<product>`, and `GET /api/<product>/{value}` where it has a lookup column.

    Raises:
        ManifestError: a column has a type that the API does not serve.
    """
    router = APIRouter(tags=[product.owner or "products"])
    path = path_of(product)
    answer = {"model": list[row_model(product)], "description": product.description}  # type: ignore[misc]

    @router.get(
        path,
        name=product.name,
        summary=product.description,
        responses={200: answer, **_PROBLEMS},
        response_class=Response,
    )
    def list_rows(page: PageDep, engine: EngineDep) -> Response:
        """Rows in the order of the product's key."""
        return as_json(engine.fetch(queries.rows_of(product, limit=page.limit)))

    if product.lookup is not None:
        column = product.lookup
        value_type: Any = Annotated[
            python_type(column),
            Path(alias=column.name, description=column.description, **bounds(column)),
        ]

        @router.get(
            f"{path}/{{{column.name}}}",
            name=f"{product.name}_by_{column.name}",
            summary=f"{product.description} Those of one {column.name}.",
            responses={200: answer, **_PROBLEMS},
            response_class=Response,
        )
        def look_up(value: value_type, page: PageDep, engine: EngineDep) -> Response:
            """Rows with this value, in the order of the product's key; an empty list if none."""
            query = queries.rows_of(product, limit=page.limit, equal={column: value})
            return as_json(engine.fetch(query))

    return router
