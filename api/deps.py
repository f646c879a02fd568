"""What a route is given."""

from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.engine import ThriftEngine

DEFAULT_LIMIT = 10
MAX_LIMIT = 10_000


class Page(BaseModel):
    """How much of a result is asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="At most so many rows")


def _engine(request: Request) -> ThriftEngine:
    engine: ThriftEngine = request.app.state.engine
    return engine


EngineDep = Annotated[ThriftEngine, Depends(_engine)]
PageDep = Annotated[Page, Query()]
