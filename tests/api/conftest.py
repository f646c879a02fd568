"""APIs that the modules share: starting one takes longer than most of their questions."""

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from tests.api.running import Running, running
from tests.mesh import Mesh

Apis = Callable[[str], Running]

NOT_BUILT = "nunca_construido"
"""A product of the served manifest that no test builds."""

SECRET = "this-is-nowhere-in-any-answer"
"""A variable of their environment, SECRET_OF_TESTS."""

_TIER_ROWS = {"tier": "2000000", "thrift": "0"}

_PATIENT = {
    **{"API_QUEUE": "500", "API_EXPORTS": "16", "API_POOL_SIZE": "32"},
    "API_QUERY_TIMEOUT": "120",
}
"""However many questions the tests ask at once, and however busy the machine is."""


def model(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    """A model of a manifest."""
    (found,) = (
        node
        for node in manifest["nodes"].values()
        if node["name"] == name and node["resource_type"] == "model"
    )
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="session")
def served_manifest(parsed_manifest: dict[str, Any]) -> dict[str, Any]:
    """The project's manifest with one product more, which is never built."""
    node = copy.deepcopy(model(parsed_manifest, "resumo_cliente"))
    unique_id = f"model.malha.{NOT_BUILT}"
    node |= {"name": NOT_BUILT, "alias": NOT_BUILT, "unique_id": unique_id}
    return parsed_manifest | {"nodes": parsed_manifest["nodes"] | {unique_id: node}}


@pytest.fixture(scope="session")
def apis(
    mesh: Mesh, served_manifest: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Apis]:
    """The API with products in memory, `tier`, or with none, `thrift`: started when it is first
    asked for. Whoever writes its manifest writes the old one back."""
    with ExitStack() as ends:

        @cache
        def get(engine: str) -> Running:
            folder = tmp_path_factory.mktemp("api") / engine
            settings = _PATIENT | {
                "API_TIER_ROWS": _TIER_ROWS[engine],
                "SECRET_OF_TESTS": SECRET,
            }
            return ends.enter_context(running(mesh, folder, served_manifest, **settings))

        yield get
