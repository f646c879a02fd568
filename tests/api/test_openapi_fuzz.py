"""Schemathesis asks the running API what its document says can be asked, and what it does not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from malha.settings import ROOT
from tests.api.conftest import Apis
from tests.api.running import Running
from tests.mesh import Mesh, eventually

EXAMPLES = int(os.environ.get("API_EXAMPLES", "0"))

OPERATIONS = 4
"""Paths of products in the document; the examples are shared among them."""


@pytest.fixture(scope="module")
def api(mesh: Mesh, apis: Apis, served_manifest: dict[str, Any]) -> Iterator[Running]:
    """Two products and no others, so that every question can have an answer."""
    number = "cast(id as decimal(18,2))"
    mesh.execute(
        "create schema if not exists ouro",
        "drop table if exists ouro.cliente_pedido",
        "drop table if exists ouro.resumo_cliente",
        "create table ouro.cliente_pedido using iceberg as select id as pedido_id, "
        f"id % 7 as cliente_id, concat('n', id) as nome, {number} as valor from range(50)",
        "create table ouro.resumo_cliente using iceberg as select id as cliente_id, "
        f"concat('n', id) as nome, id as pedidos, {number} as total, "
        f"{number} as ticket_medio, {number} as maior_pedido from range(50)",
    )
    products = {"cliente_pedido", "resumo_cliente"}
    nodes = {
        name: node
        for name, node in served_manifest["nodes"].items()
        if node["resource_type"] != "model" or node["name"] in products
    }
    api = apis("tier")
    api.manifest.write_text(json.dumps(served_manifest | {"nodes": nodes}))
    try:
        eventually(lambda: _served(api) == products, seconds=30)
        yield api
    finally:
        api.manifest.write_text(json.dumps(served_manifest))
        eventually(lambda: len(_served(api)) > 2, seconds=30)
    for name in products:
        mesh.query(f"drop table ouro.{name} purge")


def _served(api: Running) -> set[str]:
    return {product["name"] for product in api.client.get("/api").json()}


@pytest.mark.timeout(7200)
def test_api_does_what_its_document_says(mesh: Mesh, api: Running, tmp_path: Path) -> None:
    each = str(max(15, -(-EXAMPLES // OPERATIONS)))
    result = subprocess.run(
        [
            f"{sys.prefix}/bin/schemathesis",
            *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
            *("run", f"{api.url}/openapi.json", "--checks", "all", "--max-examples", each),
            *(
                "--header",
                f"Authorization: Bearer {api.key}",
                "--no-color",
                "--continue-on-failure",
            ),
            *("--phases", "examples,coverage,fuzzing" if EXAMPLES else "examples,fuzzing"),
            *("--suppress-health-check", "all"),
            *(
                ("--generation-database", "none")
                if EXAMPLES
                else ("--generation-deterministic", "--no-shrink")
            ),
        ],
        cwd=tmp_path,
        env=mesh.environment(
            SCHEMATHESIS_HOOKS="tests.api.schemathesis_hooks", PYTHONPATH=str(ROOT)
        ),
        capture_output=True,
        text=True,
        timeout=7000,
    )
    assert result.returncode == 0, result.stdout + result.stderr
