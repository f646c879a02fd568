"""`GET /api`: what there is."""

from fastapi import APIRouter
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


@router.get("/api")
def list_products(registry: RegistryDep) -> list[ProductSummary]:
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
        )
        for served in registry.catalogue.products
    ]
