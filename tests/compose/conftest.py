"""The containers are built and started once, and every test leaves them healthy.

Tests run in any order, so each asks for what it needs: `containers` for services alone, `minimo`
for the smallest case, `loaded` for both sample sets. What is landed beyond that stays, and changes
no row that others look at: orders from number 100 000 on, or files without rows.
"""

from collections.abc import Iterator

import pytest

from malha.settings import ROOT
from tests.compose.containers import Containers, missing_engine
from tests.mesh import ok

_REASON = missing_engine()
_BUILD_MINUTES = 45
_SAMPLES = ROOT / "data/samples"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(ROOT / "tests/compose"):
            continue
        if _REASON:
            item.add_marker(pytest.mark.skip(reason=f"no container engine: {_REASON}"))
        # The first test waits for the images.
        item.add_marker(pytest.mark.timeout(_BUILD_MINUTES * 60))


@pytest.fixture(scope="session")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The default services, up from nothing, without data."""
    containers = Containers.make(tmp_path_factory.mktemp("compose"))
    ok(containers.run("sh", "stack/compose-env.sh"))
    containers.remove()
    try:
        ok(containers.task("up", timeout=_BUILD_MINUTES * 60))
        yield containers
    finally:
        containers.remove()


@pytest.fixture(scope="session")
def demo(containers: Containers) -> str:
    """What the demo prints; the smallest case is then in the containers."""
    said = ok(containers.task("demo"))
    containers.landed.append(_SAMPLES / "minimo")
    return said


@pytest.fixture(scope="session")
def minimo(containers: Containers, demo: str) -> Containers:
    """The containers with the smallest case, built and tested."""
    return containers


@pytest.fixture(scope="session")
def loaded(minimo: Containers) -> Containers:
    """The containers with both sample sets, built and tested."""
    minimo.land(_SAMPLES / "varejo")
    ok(minimo.job("ingest"))
    ok(minimo.job("dbt", "--quiet", "build"))
    return minimo
