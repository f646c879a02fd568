"""What a route is given."""

from typing import Annotated

from fastapi import Depends, Request

from api.readiness import Readiness
from api.registry import Registry


def _readiness(request: Request) -> Readiness:
    readiness: Readiness = request.app.state.readiness
    return readiness


def _registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


ReadinessDep = Annotated[Readiness, Depends(_readiness)]
RegistryDep = Annotated[Registry, Depends(_registry)]
