"""Whether the API is alive, and whether it can answer queries."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from api.deps import ReadinessDep
from api.readiness import OK, Health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
@router.head("/live", include_in_schema=False)
async def live() -> Health:
    """Whether the process answers."""
    return Health(status=OK, checks={})


@router.get("/ready", responses={503: {"model": Health, "description": "Not ready"}})
@router.head("/ready", include_in_schema=False)
async def ready(response: Response, readiness: ReadinessDep) -> Health:
    """Whether products and keys are known, the Thrift Server answers, and nothing has got stuck."""
    health = await readiness.health()
    if health.status == "unavailable":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return health
