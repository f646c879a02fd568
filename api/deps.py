"""What a route is given."""

from typing import Annotated

from fastapi import Depends, Request

from api.access import Guard
from api.engine import ThriftEngine
from api.registry import Registry


def _engine(request: Request) -> ThriftEngine:
    engine: ThriftEngine = request.app.state.engine
    return engine


def _registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


def _guard(request: Request) -> Guard:
    guard: Guard = request.app.state.guard
    return guard


EngineDep = Annotated[ThriftEngine, Depends(_engine)]
GuardDep = Annotated[Guard, Depends(_guard)]
RegistryDep = Annotated[Registry, Depends(_registry)]
