"""What tells which of two deliveries is the later one: time, file, a declared column, position."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from malha.settings import ROOT
from tests.mesh import Mesh, ok

HEADER = "cliente_id,nome\n"

ENTREGAS = "select cliente_id, nome, entregas from prata.cliente_entregas order by 1"


def in_order(mesh: Mesh, table: str, column: str) -> list[str]:
    """The values of a column in the order of their files and positions."""
    query = f"select {column} from bronze.{table} order by _source_file, _position"
    return [row[0] for row in mesh.query(query)]


def test_position_rises_through_a_file_that_several_tasks_read(empty: Mesh) -> None:
    rows = 400_000
    lines = "".join(f"{number},name of the client number {number}\n" for number in range(rows))
    empty.put("clientes/cliente/a.csv", HEADER + lines)
    empty.put("clientes/cliente/b.csv", f"{HEADER}x,y\n")
    ok(empty.ingest("cliente"))
    wrong = """
        select count(*) from (
            select
                cast(cliente_id as bigint) as number,
                row_number() over (order by _position) - 1 as place
            from bronze.cliente where _source_file like '%/a.csv'
        ) where number <> place
    """
    assert empty.query(wrong) == [(0,)]
    assert empty.count("bronze.cliente where _position is null") == 0
    starts = "select count(distinct shiftright(_position, 33)) from bronze.cliente"
    assert empty.query(starts)[0][0] > 1, "the file is too small to be split"


def test_position_rises_through_files_of_each_format(empty: Mesh, extended: dict[str, str]) -> None:
    header = "nota_id§texto\n"
    empty.put("notas/nota/a.csv", header + '3§"x\ny"\n1§\n2§z\n')
    empty.put("notas/nota/b.csv.gz", gzip.compress((header + "9§\n8§\n").encode()))
    plain = ['{"visita_id": 3}', "", '[{"visita_id": 1}, {"visita_id": 2}]', '{"visita_id": 0}']
    empty.put("visitas/visita/a.jsonl", "\n".join(plain))
    doubtful = ['{"visita_id": 7}', '[{"visita_id": 9}, {"visita_id": 8}]', '{"visita_id": 6}']
    empty.put("visitas/visita/b.jsonl", "\n".join([*doubtful, '{"visita_id": 5} {}']))
    query = (
        "select id as visita_id, '' as valor, '' as tags from values ('2'), ('1'), ('3') as t(id)"
    )
    empty.query(f"create table bronze.produtor using iceberg as {query}")
    for (file,) in empty.query("select file_path from bronze.produtor.files"):
        name = file.rpartition("/")[2]
        empty.put(f"estoques/estoque/{name}", empty.read(file))
    ok(empty.ingest("nota", "visita", "estoque", **extended))
    assert in_order(empty, "nota", "nota_id") == ["3", "1", "2", "9", "8"]
    found = in_order(empty, "visita", "coalesce(visita_id, _corrupt)")
    assert found == ["3", "1", "2", "0", "7", "9", "8", "6", '{"visita_id": 5} {}']
    assert sorted(in_order(empty, "estoque", "visita_id")) == ["1", "2", "3"]
    assert empty.count("bronze.estoque where _position is null") == 0


def test_table_made_before_gets_the_columns_and_its_rows_have_none(empty: Mesh) -> None:
    empty.query(
        "create table bronze.cliente (cliente_id string, nome string, _extra map<string,string>, "
        "_ingested_at timestamp, _source_file string, _batch_id bigint, _corrupt string) "
        "using iceberg"
    )
    empty.deliver("cliente", ("1", "Old"))
    empty.put("clientes/cliente/a.csv", f"{HEADER}2,New\n")
    ok(empty.ingest("cliente"))
    query = "select nome, _position, _order_key from bronze.cliente order by 1"
    assert empty.query(query) == [("New", 0, None), ("Old", None, None)]


def test_later_line_of_a_file_is_the_correction(empty: Mesh) -> None:
    empty.put("clientes/cliente/a.csv", f"{HEADER}1,Zoe\n2,Bia\n1,Ana\n")
    ok(empty.ingest("cliente"))
    run = ("--quiet", "run", "--select", "prata_cliente_entregas")
    ok(empty.dbt(*run))
    assert empty.query(ENTREGAS) == [(1, "Ana", 2), (2, "Bia", 1)]
    empty.put("clientes/cliente/b.csv", f"{HEADER}2,Zé\n2,Eva\n")
    ok(empty.ingest("cliente"))
    ok(empty.dbt(*run))
    assert empty.query(ENTREGAS) == [(1, "Ana", 2), (2, "Eva", 3)]


@pytest.fixture
def ordered(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Makes a project in which the clients' deliveries are ordered as told."""

    def make(order_by: str) -> dict[str, str]:
        project = tmp_path / "dbt_project"
        if not project.exists():
            ignored = shutil.ignore_patterns("target", "logs")
            shutil.copytree(ROOT / "dbt_project", project, ignore=ignored)
        sources = project / "models/prata/clientes/_clientes__sources.yml"
        original = ROOT / sources.relative_to(tmp_path)
        declared = f"path: clientes/cliente\n              order_by: {order_by}"
        sources.write_text(original.read_text().replace("path: clientes/cliente", declared))
        return {"DBT_PROJECT_DIR": str(project), "DBT_TARGET_PATH": str(tmp_path / "target")}

    return make


def test_file_dated_by_its_name_that_arrives_late_supersedes_nothing(
    empty: Mesh, ordered: Callable[[str], dict[str, str]]
) -> None:
    variables = ordered("[_source_file]")
    run = ("--quiet", "run", "--select", "prata_cliente_entregas")
    for day, nome in (("05", "Ana"), ("04", "Late")):
        empty.put(f"clientes/cliente/2026-01-{day}.csv", f"{HEADER}1,x\n1,{nome}\n")
        ok(empty.ingest("cliente", **variables))
        ok(empty.dbt(*run, **variables))
    assert empty.query(ENTREGAS) == [(1, "Ana", 4)]
    ok(empty.dbt(*run, "--full-refresh", **variables))
    assert empty.query(ENTREGAS) == [(1, "Ana", 4)]


def test_declared_column_orders_deliveries_and_a_replay_gives_it_to_old_rows(
    empty: Mesh, ordered: Callable[[str], dict[str, str]]
) -> None:
    empty.put("clientes/cliente/a.csv", f"{HEADER}7,B\n8,A\n")
    empty.put("clientes/cliente/b.csv", f"{HEADER}7,A\n8,\n")
    ok(empty.ingest("cliente"))
    assert empty.count("bronze.cliente where _order_key is not null") == 0
    ok(empty.ingest("--replay", "cliente", **ordered("[nome, _source_file]")))
    a, b = (f"\x01s3a://landing/clientes/cliente/{name}.csv" for name in "ab")
    query = "select cliente_id, nome, _order_key from bronze.cliente order by 1, 3"
    assert empty.query(query) == [
        ("7", "A", f"A{b}"),
        ("7", "B", f"B{a}"),
        ("8", None, b),
        ("8", "A", f"A{a}"),
    ]
    ok(empty.dbt("--quiet", "run", "--select", "prata_cliente_entregas"))
    assert empty.query(ENTREGAS) == [(7, "B", 2), (8, "A", 2)]
