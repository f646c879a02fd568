"""Whether the API is alive, and whether it can answer queries."""

import logging
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlglot import exp

from api.deps import EngineDep
from malha.errors import MalhaError

log = logging.getLogger("malha.api")

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    """A status, and for each part `ok` or what is wrong with it."""

    status: str
    checks: dict[str, str]


@router.get("/live")
def live() -> Health:
    """Whether the process answers."""
    return Health(status="ok", checks={})


@router.get("/ready", responses={503: {"model": Health, "description": "Not ready"}})
def ready(request: Request, response: Response, engine: EngineDep) -> Health:
    """Whether the products are known and the Thrift Server answers `select 1`."""
    checks = {"registry": "ok" if request.app.state.registry_read else "cannot be read"}
    try:
        engine.fetch(exp.select("1"))
        checks["thrift"] = "ok"
    except MalhaError as error:
        log.warning("%s", error)
        checks["thrift"] = "does not answer"
    if all(check == "ok" for check in checks.values()):
        return Health(status="ok", checks=checks)
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Health(status="unavailable", checks=checks)
