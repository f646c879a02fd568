"""The application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from api import problems
from api.engine import ThriftEngine
from api.routes import health, products
from malha.errors import ManifestError
from malha.manifest import Manifest
from malha.settings import Settings, load


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API over the products that dbt's manifest declares.

    Without a usable manifest it serves no product, and its readiness says why.
    """
    settings = settings or load()
    engine = ThriftEngine(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        engine.close()

    app = FastAPI(
        title="Malha",
        summary="The mesh's ouro products: public models with an enforced contract.",
        version=version("malha"),
        lifespan=lifespan,
    )
    app.state.engine = engine
    app.state.registry_error = None
    problems.install(app)
    app.include_router(health.router)
    try:
        declared = Manifest(settings.manifest_path).products.values()
        routers = [products.catalogue(declared), *map(products.routes_of, declared)]
    except ManifestError as error:
        app.state.registry_error = str(error)
        routers = [products.catalogue([])]
    for router in routers:
        app.include_router(router)

    @app.get("/", include_in_schema=False)
    def index() -> RedirectResponse:
        return RedirectResponse("/docs")

    return app
