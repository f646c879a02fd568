"""Whether the API is alive, and whether it can answer queries."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlglot import exp

from api.deps import EngineDep
from malha.errors import MalhaError

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
    checks = {"registry": request.app.state.registry_error or "ok", "thrift": "ok"}
    try:
        engine.fetch(exp.select("1"))
    except MalhaError as error:
        checks["thrift"] = str(error)
    if all(check == "ok" for check in checks.values()):
        return Health(status="ok", checks=checks)
    response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Health(status="unavailable", checks=checks)
