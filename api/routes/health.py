"""Whether the API is alive, and whether it can answer queries."""

import logging
from http import HTTPStatus

import pyarrow as pa
from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.deps import EngineDep, GuardDep, RegistryDep
from malha.errors import MalhaError

log = logging.getLogger("malha.api")

router = APIRouter(prefix="/health", tags=["health"])

_ONE = pa.schema([pa.field("one", pa.int32())])


class Health(BaseModel):
    """A status, and for each part `ok` or what is wrong with it."""

    status: str
    checks: dict[str, str]


@router.get("/live")
def live() -> Health:
    """Whether the process answers."""
    return Health(status="ok", checks={})


@router.get("/ready", responses={503: {"model": Health, "description": "Not ready"}})
def ready(response: Response, engine: EngineDep, registry: RegistryDep, guard: GuardDep) -> Health:
    """Whether products and keys are known and the Thrift Server answers `select 1`."""
    checks = {
        "registry": "cannot be read" if registry.problem else "ok",
        "keys": "cannot be read" if guard.problem else "ok",
    }
    try:
        engine.fetch("select 1", _ONE)
        checks["thrift"] = "ok"
    except MalhaError as error:
        log.warning("%s", error)
        checks["thrift"] = "does not answer"
    if all(check == "ok" for check in checks.values()):
        return Health(status="ok", checks=checks)
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Health(status="unavailable", checks=checks)
