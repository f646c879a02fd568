"""Schemathesis asks the running API what its document says can be asked, and what it does not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from malha.settings import ROOT
from tests.api.running import Running, running
from tests.mesh import Mesh

EXAMPLES = int(os.environ.get("API_EXAMPLES", "0"))

OPERATIONS = 4
"""Paths of products in the document; the examples are shared among them."""


@pytest.fixture(scope="module")
def api(
    mesh: Mesh, parsed_manifest: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
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
    manifest = parsed_manifest | {
        "nodes": {
            name: node
            for name, node in parsed_manifest["nodes"].items()
            if node["resource_type"] != "model" or node["name"] in products
        }
    }
    folder = tmp_path_factory.mktemp("fuzz") / "api"
    with running(folder, manifest, API_QUEUE="500") as found:
        yield found
    for name in products:
        mesh.query(f"drop table ouro.{name} purge")


@pytest.mark.timeout(7200)
def test_api_does_what_its_document_says(api: Running, tmp_path: Path) -> None:
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
        env=os.environ
        | {"SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=7000,
    )
    assert result.returncode == 0, result.stdout + result.stderr
