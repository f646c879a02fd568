"""Whether the API is alive, and whether it can answer queries."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from api.deps import ReadinessDep
from api.readiness import OK, Health

router = APIRouter(prefix="/health", tags=["health"])


@router.api_route("/live", methods=["GET", "HEAD"])
async def live() -> Health:
    """Whether the process answers."""
    return Health(status=OK, checks={})


@router.api_route(
    "/ready",
    methods=["GET", "HEAD"],
    responses={503: {"model": Health, "description": "Not ready"}},
)
async def ready(response: Response, readiness: ReadinessDep) -> Health:
    """Whether products and keys are known, the Thrift Server answers, and nothing has got stuck."""
    health = await readiness.health()
    if health.status == "unavailable":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return health
