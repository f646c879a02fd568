"""The application."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from prometheus_fastapi_instrumentator import Instrumentator

from api import problems
from api.engine import ThriftEngine
from api.routes import health, products
from malha.errors import ManifestError
from malha.manifest import Manifest
from malha.settings import Settings, load

log = logging.getLogger("malha.api")


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API over the products that dbt's manifest declares.

    Without a usable manifest it serves no product and is not ready; the log says why.
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
    app.state.registry_read = True
    problems.install(app)
    app.include_router(health.router)
    try:
        declared = list(Manifest(settings.manifest_path).products.values())
    except ManifestError as error:
        log.error("%s", error)
        app.state.registry_read = False
        declared = []
    served = []
    for product in declared:
        try:
            app.include_router(products.routes_of(product))
            served.append(product)
        except ManifestError as error:
            # One product that cannot be served does not take the others with it.
            log.error("%s is not served: %s", product.name, error)
    app.include_router(products.catalogue(served))
    Instrumentator(excluded_handlers=["/metrics", "/health"]).instrument(app).expose(
        app, include_in_schema=False
    )

    @app.get("/", include_in_schema=False)
    def index() -> RedirectResponse:
        return RedirectResponse("/docs")

    return app
