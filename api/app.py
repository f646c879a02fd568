"""The application: products at `/api/…`, and FastAPI for all that is around them."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator

from api import audit, problems
from api.access import Guard
from api.answers import Answers
from api.cursors import Cursors, secret_of
from api.edge import Asgi, Edge, security_headers, with_cors
from api.engine import ThriftEngine
from api.metrics import OVERLOADED, SNAPSHOT_TIME
from api.openapi import document
from api.overload import Overload
from api.products import Products
from api.readiness import Readiness
from api.registry import Catalogue, Registry
from api.routes import catalogue, health, swagger
from api.snapshots import Snapshot, Snapshots
from api.tier import Tier
from api.tracing import traced
from malha.manifest import Product
from malha.settings import Settings, load

_TITLE = "Malha"
_SUMMARY = "The mesh's ouro products: public models with an enforced contract."


@dataclass(frozen=True)
class Apps:
    """What is served, and where."""

    public: Asgi
    health: Asgi | None
    """At an address of its own, where API_HEALTH_PORT says so."""


def create_app(settings: Settings | None = None) -> Apps:
    """The API over the products that dbt's manifest declares.

    Products have an entrance of their own: FastAPI's way to a route takes longer than most of
    their answers.

    Without a usable manifest it serves no product and is not ready; the log says why.
    """
    settings = settings or load()
    engine = ThriftEngine(settings)
    tier = Tier(settings, engine)

    def published(product: Product, snapshot: Snapshot) -> None:
        tier.offer(product, snapshot)
        if snapshot.committed_ms is not None:
            SNAPSHOT_TIME.labels(product.name).set(snapshot.committed_ms / 1000)

    snapshots = Snapshots(settings, published)
    secret = secret_of(settings.cursor_key_path)
    cursors = Cursors(secret, settings.api_cursor_minutes * 60)
    answers = Answers(settings, engine, tier, cursors)
    around = FastAPI(
        title=_TITLE,
        summary=_SUMMARY,
        version=version("malha"),
        docs_url=None,
        redoc_url=None,
        # Starlette would redirect to whatever host the request names.
        redirect_slashes=False,
    )

    def changed(catalogue: Catalogue) -> None:
        around.openapi_schema = None
        tier.serve(one.product for one in catalogue.products)
        snapshots.announce(one.product for one in catalogue.products)

    registry = Registry(settings.manifest_path, changed)
    guard = Guard(settings)
    overload = Overload(settings.api_line)
    OVERLOADED.set_function(lambda: overload.on)
    workers = (registry.worker, snapshots.worker, tier.worker)
    readiness = Readiness(engine, registry, guard, answers.lanes, workers)
    audit.install(settings)

    def openapi() -> dict[str, Any]:
        if around.openapi_schema is None:
            around.openapi_schema = document(
                around.routes, registry.catalogue, _TITLE, _SUMMARY, around.version
            )
        return around.openapi_schema

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # What is loaded by now stays; to look at all of it again and again would hold requests up.
        gc.collect()
        gc.freeze()
        overload.start()
        tier.start()
        registry.worker.start()
        snapshots.start(lambda: [one.product for one in registry.catalogue.products])
        yield
        overload.close()
        readiness.close()
        registry.worker.close()
        snapshots.worker.close()
        answers.close()
        tier.close()
        engine.close()

    around.openapi = openapi  # type: ignore[method-assign]
    around.router.lifespan_context = lifespan
    around.state.registry = registry
    problems.install(around)
    around.include_router(catalogue.router)
    around.include_router(swagger.router)
    apart = (
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        if settings.api_health_port
        else None
    )
    told = apart or around
    told.state.readiness = readiness
    told.include_router(health.router)
    Instrumentator(excluded_handlers=["/metrics", "/health"]).instrument(around).expose(
        told, include_in_schema=False
    )

    products = Products(
        registry,
        guard,
        snapshots,
        answers,
        cursors,
        overload,
        security_headers(settings),
    )
    return Apps(traced(with_cors(Edge(products, around, settings), settings), settings), apart)
