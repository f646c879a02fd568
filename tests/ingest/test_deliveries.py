"""Which files `malha-ingest` accepts, and what bronze has of them."""

import os
import shutil
from pathlib import Path

import pytest

from tests.ingest.support import counts
from tests.mesh import Mesh, ok, refused

HEADER = "pedido_id,cliente_id,valor\n"


def test_file_without_a_declared_column_writes_nothing(empty: Mesh) -> None:
    empty.put("pedidos/pedido/a.csv", f"{HEADER}1,1,200\n")
    empty.put("pedidos/pedido/b.csv", "pedido_id,valor\n2,150\n")
    message = refused(empty.ingest("pedido"))
    assert "s3a://landing/pedidos/pedido/b.csv: it lacks cliente_id" in message
    assert "declared by source pedido" in message
    assert empty.count("bronze.pedido") == 0


def test_file_delivered_again_is_accepted(empty: Mesh) -> None:
    empty.put("pedidos/pedido/a.csv", f"{HEADER}1,1,200\n")
    empty.put("pedidos/pedido/b.csv", "pedido_id,valor\n2,150\n")
    refused(empty.ingest("pedido"))
    empty.put("pedidos/pedido/b.csv", f"{HEADER}2,2,150\n")
    assert counts(ok(empty.ingest("pedido")), "pedido") == (2, 2, 0)
    assert empty.query("select pedido_id from bronze.pedido order by 1") == [("1",), ("2",)]


def test_file_that_was_refused_can_be_taken_away(empty: Mesh) -> None:
    empty.put("pedidos/pedido/blank.csv", "\n")
    assert "blank.csv: it has no header line" in refused(empty.ingest("pedido"))
    empty.remove("s3a://landing/pedidos/pedido/blank.csv")
    empty.put("pedidos/pedido/c.csv", f"{HEADER}3,1,350\n")
    assert counts(ok(empty.ingest("pedido")), "pedido") == (1, 1, 0)
    assert empty.query("select pedido_id from bronze.pedido") == [("3",)]


def test_file_without_a_byte_has_no_rows(ingested: Mesh) -> None:
    ingested.put("pedidos/pedido/empty.csv", "")
    assert counts(ok(ingested.ingest("pedido")), "pedido") == (0, 0, 0)
    assert ingested.count("bronze.pedido") == 3


def test_json_lines_keep_numbers_as_written(empty: Mesh, extended: dict[str, str]) -> None:
    lines = [
        '{"visita_id": 1, "valor": 10.50, "tags": ["a", "b"]}',
        '{"tags": null, "visita_id": "2"}',
        '{"visita_id": 3, "valor": 12345678901234567890.10',
    ]
    empty.put("visitas/visita/a.jsonl", "\n".join(lines) + "\n")
    assert counts(ok(empty.ingest("visita", **extended)), "visita") == (1, 3, 1)
    query = "select visita_id, valor, tags, _corrupt from bronze.visita order by visita_id"
    assert empty.query(query) == [
        (None, None, None, lines[2]),
        ("1", "10.50", '["a", "b"]', None),
        ("2", None, None, None),
    ]


def test_parquet_becomes_text(empty: Mesh, extended: dict[str, str]) -> None:
    query = """
        select cast(7 as bigint) as visita_id, cast(1.5 as decimal(10, 2)) as valor,
               array('x', 'y') as tags, true as ativo
    """
    empty.query(f"create table bronze.produtor using iceberg as {query}")
    (file,) = empty.query("select file_path from bronze.produtor.files")[0]
    empty.put("estoques/estoque/a.parquet", empty.read(file))
    result = empty.ingest("estoque", **extended)
    assert counts(ok(result), "estoque") == (1, 1, 0)
    assert "does not declare ativo" in result.stderr
    query = "select visita_id, valor, tags, _corrupt from bronze.estoque"
    assert empty.query(query) == [("7", "1.50", '["x","y"]', None)]


def test_file_that_is_no_parquet_is_refused(empty: Mesh, extended: dict[str, str]) -> None:
    empty.put("estoques/estoque/b.parquet", "visita_id\n1\n")
    message = refused(empty.ingest("estoque", **extended))
    assert "b.parquet: it cannot be read as Parquet" in message
    assert empty.count("bronze.estoque") == 0


@pytest.fixture
def own(extended: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Variables of a project that a test may change; its manifest was written just now."""
    project = tmp_path / "dbt_project"
    shutil.copytree(extended["DBT_PROJECT_DIR"], project)
    os.utime(project / "target/manifest.json")
    return {"DBT_PROJECT_DIR": str(project), "DBT_TARGET_PATH": str(project / "target")}


def declare_nota(variables: dict[str, str]) -> None:
    """Declare a column more of the visits, and let dbt know nothing of it."""
    sources = Path(variables["DBT_PROJECT_DIR"]) / "models/_extra__sources.yml"
    text = sources.read_text()
    sources.write_text(text.replace("- {name: tags", "- {name: nota}\n          - {name: tags", 1))


def test_column_declared_later_is_added_to_the_table(empty: Mesh, own: dict[str, str]) -> None:
    empty.put("visitas/visita/a.jsonl", '{"visita_id": 1}\n')
    ok(empty.ingest("visita", **own))
    declare_nota(own)
    empty.put("visitas/visita/b.jsonl", '{"visita_id": 9, "nota": 10}\n')
    assert counts(ok(empty.ingest("visita", **own)), "visita") == (1, 1, 0)
    query = "select visita_id, nota from bronze.visita order by 1"
    assert empty.query(query) == [("1", None), ("9", "10")]


def test_replay_reads_a_column_declared_since(empty: Mesh, own: dict[str, str]) -> None:
    empty.put("visitas/visita/a.jsonl", '{"visita_id": 1, "nota": 10}\n')
    ok(empty.ingest("visita", **own))
    declare_nota(own)
    ok(empty.ingest("--replay", "visita", **own))
    assert empty.query("select visita_id, nota, _extra from bronze.visita") == [("1", "10", None)]


def test_project_that_dbt_cannot_read_is_named(mesh: Mesh, own: dict[str, str]) -> None:
    (Path(own["DBT_PROJECT_DIR"]) / "models/_bad.yml").write_text("models: [")
    message = refused(mesh.ingest("visita", **own))
    assert "dbt cannot read the project:" in message
    assert "_bad.yml" in message
