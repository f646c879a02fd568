"""Whether the API can answer queries: what each of its parts says."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel

from api import audit
from api.access import Guard
from api.admission import Lane
from api.engine import ThriftEngine
from api.registry import Registry
from api.workers import Worker
from malha.errors import MalhaError

log = logging.getLogger("malha.api")

OK = "ok"

_CACHE_SECONDS = 1.0
"""However many ask, the parts are asked so often."""

_PATIENCE_SECONDS = 5.0
"""For so long an answer of the Thrift Server is waited for."""


class Health(BaseModel):
    """A status, and for each part `ok` or what is wrong with it."""

    status: str
    """`ok`; `degraded`, where some products are not served or accesses are not noted; or
    `unavailable`."""
    checks: dict[str, str]


class Readiness:
    """Asks the parts of the API how they are.

    Args:
        lanes: by engine.
        workers: what runs in the background.
    """

    def __init__(
        self,
        engine: ThriftEngine,
        registry: Registry,
        guard: Guard,
        lanes: Mapping[str, Lane],
        workers: Iterable[Worker],
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._guard = guard
        self._lanes = lanes
        self._workers = tuple(workers)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="readiness")
        self._looked: asyncio.Future[Health] | None = None
        self._looked_at = 0.0
        self._asked: asyncio.Future[str] | None = None

    async def health(self) -> Health:
        """How the API is, or was within the last second; of many who ask at once, one looks."""
        if self._looked is None or (
            self._looked.done() and time.monotonic() - self._looked_at > _CACHE_SECONDS
        ):
            self._looked_at = time.monotonic()
            self._looked = asyncio.ensure_future(self._look())
        return await asyncio.shield(self._looked)

    async def _look(self) -> Health:
        checks = {
            "registry": "cannot be read" if self._registry.problem else OK,
            "keys": "cannot be read" if self._guard.problem else OK,
            "workers": _joined(
                f"{one.name} {problem}" for one in self._workers if (problem := one.problem)
            ),
            "queries": _joined(
                f"{lane.abandoned} of {name} were cancelled and still run"
                for name, lane in self._lanes.items()
                if lane.abandoned
            ),
            "thrift": await self._thrift(),
        }
        status = OK if all(check == OK for check in checks.values()) else "unavailable"
        checks["products"] = _joined(
            f"{one.name} is not served: {one.reason}"
            for one in self._registry.catalogue.refused.values()
        )
        checks["audit"] = audit.problem() or OK
        if status == OK and any(check != OK for check in checks.values()):
            status = "degraded"
        return Health(status=status, checks=checks)

    def close(self) -> None:
        """Ask no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _thrift(self) -> str:
        if self._asked is None or self._asked.done():
            self._asked = asyncio.get_running_loop().run_in_executor(self._pool, self._ask)
        await asyncio.wait({self._asked}, timeout=_PATIENCE_SECONDS)
        return self._asked.result() if self._asked.done() else "does not answer"

    def _ask(self) -> str:
        try:
            self._engine.check()
        except MalhaError as error:
            log.warning("%s", error)
            return "does not answer"
        return OK


def _joined(problems: Iterable[str]) -> str:
    return "; ".join(problems) or OK
