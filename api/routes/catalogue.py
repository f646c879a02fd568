"""`GET /api`: what there is."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel

from api.deps import RegistryDep

router = APIRouter(tags=["catalogue"])


class ProductSummary(BaseModel):
    """A product in the catalogue."""

    name: str
    path: str
    lookup: str | None
    description: str
    owner: str
    version: int | None
    deprecated: bool
    open: bool
    columns: dict[str, str]
    masked: dict[str, str]
    """By column, the scope with which it is read as it is."""


@router.get("/", include_in_schema=False)
@router.head("/", include_in_schema=False)
async def index(request: Request) -> Response:
    """Swagger for people, and for programs where they find what."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/docs")
    return JSONResponse({"catalogue": "/api", "documentation": "/docs", "health": "/health/ready"})


@router.get("/api")
@router.head("/api", include_in_schema=False)
@router.get("/api/", include_in_schema=False)
@router.head("/api/", include_in_schema=False)
async def list_products(registry: RegistryDep) -> list[ProductSummary]:
    """The products, their columns and their owners."""
    return [
        ProductSummary(
            name=served.product.name,
            path=served.path,
            lookup=f"{served.path}/{{{served.product.lookup.name}}}"
            if served.product.lookup
            else None,
            description=served.product.description,
            owner=served.product.owner,
            version=served.product.version,
            deprecated=served.product.deprecation_date is not None,
            open=served.product.open,
            columns={column.name: column.data_type for column in served.product.columns},
            masked={mask.column: mask.unless for mask in served.product.masks},
        )
        for served in registry.catalogue.products
    ]
