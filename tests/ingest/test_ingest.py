"""`malha-ingest` as a user runs it, on the real stack."""

import fcntl
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from malha.settings import ROOT
from tests.mesh import Mesh, eventually, free_ports, ok, refused

# Sources that the project itself does not have, one a format; `_sources.yml` of a domain.
EXTRA_SOURCES = """
sources:
  - name: bronze
    schema: bronze
    tables:
      - name: visita
        config: {meta: {landing: {path: visitas/visita, format: json}}}
        columns: &visita
          - {name: visita_id, data_type: string}
          - {name: valor, data_type: string}
          - {name: tags, data_type: string}
      - name: estoque
        config: {meta: {landing: {path: estoques/estoque, format: parquet}}}
        columns: *visita
      - name: vazia
        config: {meta: {landing: {path: nada/vazia, format: csv}}}
        columns: *visita
"""


@pytest.fixture(scope="module")
def extended(fresh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables under which the mesh has the extra sources too."""
    project = tmp_path_factory.mktemp("project") / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    (project / "models/_extra__sources.yml").write_text(EXTRA_SOURCES)
    target = str(project / "target")
    ok(fresh.dbt("--quiet", "parse", "--project-dir", str(project), "--target-path", target))
    return {"DBT_TARGET_PATH": target}


def counts(shown: str, source: str) -> tuple[int, ...]:
    """Files, rows and corrupt rows that the closing table has for a source."""
    found = re.search(rf"│ {source} +│ +([\d,]+) │ +([\d,]+) │ +([\d,]+) │", shown)
    assert found is not None, shown
    return tuple(int(number.replace(",", "")) for number in found.groups())


def test_csv_is_matched_by_its_header_not_by_position(fresh: Mesh) -> None:
    fresh.put("clientes/cliente/a.csv", "cliente_id,nome\n1,Alice\n")
    fresh.put("clientes/cliente/dia 2/[b] #1?.csv", "idade,nome,cliente_id\r\n30,Bob,2\r\n")
    result = fresh.ingest("cliente")
    assert counts(ok(result), "cliente") == (2, 2, 0)
    rows = fresh.query("select cliente_id, nome from bronze.cliente order by 1")
    assert rows == [("1", "Alice"), ("2", "Bob")]
    assert (
        "warning: source cliente does not declare idade: kept in the map _extra of bronze"
        in result.stderr
    )
    extra = fresh.query("select nome, _extra['idade'] from bronze.cliente order by 1")
    assert extra == [("Alice", None), ("Bob", "30")]


def test_bad_line_is_noticed_in_a_file_with_an_undeclared_column(fresh: Mesh) -> None:
    lines = ["7,Maria,da Silva,30", "8"]
    fresh.put("clientes/cliente/aa.csv", "\n".join(["cliente_id,nome,idade", *lines]) + "\n")
    assert counts(ok(fresh.ingest("cliente")), "cliente") == (1, 2, 2)
    corrupt = fresh.query("select _corrupt from bronze.cliente where _corrupt is not null")
    assert sorted(corrupt) == [(line,) for line in lines]


def test_only_new_files_are_read(fresh: Mesh) -> None:
    before = fresh.count("bronze.cliente")
    fresh.put("clientes/cliente/c.csv", "cliente_id,nome\n3,Carol\n4,Dora,?\n")
    assert counts(ok(fresh.ingest("cliente")), "cliente") == (1, 2, 1)
    assert counts(ok(fresh.ingest("cliente")), "cliente") == (0, 0, 0)
    assert fresh.count("bronze.cliente") == before + 2
    assert fresh.count("bronze.cliente where _corrupt = '4,Dora,?'") == 1


def test_batch_that_was_appended_before_a_crash_is_not_appended_again(fresh: Mesh) -> None:
    before = fresh.count("bronze.cliente")
    last = fresh.files(f"{fresh.settings.checkpoint_uri}/cliente/commits/")[-1]
    fresh.remove(last)  # as if the run had been killed before it noted the batch as done
    assert counts(ok(fresh.ingest("cliente")), "cliente") == (0, 0, 0)
    assert fresh.count("bronze.cliente") == before
    assert last in fresh.files(f"{fresh.settings.checkpoint_uri}/cliente/commits/")


def test_file_without_a_declared_column_writes_nothing(fresh: Mesh) -> None:
    fresh.put("pedidos/pedido/a.csv", "pedido_id,cliente_id,valor\n1,1,200\n")
    fresh.put("pedidos/pedido/b.csv", "pedido_id,valor\n2,150\n")
    message = refused(fresh.ingest("pedido"))
    assert "s3a://landing/pedidos/pedido/b.csv: it lacks cliente_id" in message
    assert "declared by source pedido" in message
    assert fresh.count("bronze.pedido") == 0


def test_one_source_that_fails_does_not_keep_the_others_back(fresh: Mesh) -> None:
    fresh.put("clientes/cliente/d.csv", "cliente_id,nome\n5,Eva\n")
    result = fresh.ingest()
    assert "b.csv: it lacks cliente_id" in refused(result)
    assert counts(result.stdout, "cliente") == (1, 1, 0)


def test_file_delivered_again_is_accepted(fresh: Mesh) -> None:
    fresh.put("pedidos/pedido/b.csv", "pedido_id,cliente_id,valor\n2,2,150\n")
    assert counts(ok(fresh.ingest("pedido")), "pedido") == (2, 2, 0)
    assert fresh.query("select pedido_id from bronze.pedido order by 1") == [("1",), ("2",)]


def test_file_that_was_refused_can_be_taken_away(fresh: Mesh) -> None:
    fresh.put("pedidos/pedido/blank.csv", "\n")
    assert "blank.csv: it has no header line" in refused(fresh.ingest("pedido"))
    fresh.remove("s3a://landing/pedidos/pedido/blank.csv")
    fresh.put("pedidos/pedido/c.csv", "pedido_id,cliente_id,valor\n3,1,350\n")
    assert counts(ok(fresh.ingest("pedido")), "pedido") == (1, 1, 0)
    assert fresh.count("bronze.pedido") == 3


def test_file_without_a_byte_has_no_rows(fresh: Mesh) -> None:
    fresh.put("pedidos/pedido/empty.csv", "")
    assert counts(ok(fresh.ingest("pedido")), "pedido") == (0, 0, 0)


def test_json_lines_keep_numbers_as_written(fresh: Mesh, extended: dict[str, str]) -> None:
    lines = [
        '{"visita_id": 1, "valor": 10.50, "tags": ["a", "b"]}',
        '{"tags": null, "visita_id": "2"}',
        '{"visita_id": 3, "valor": 12345678901234567890.10',
    ]
    fresh.put("visitas/visita/a.jsonl", "\n".join(lines) + "\n")
    assert counts(ok(fresh.ingest("visita", **extended)), "visita") == (1, 3, 1)
    query = "select visita_id, valor, tags, _corrupt from bronze.visita order by visita_id"
    assert fresh.query(query) == [
        (None, None, None, lines[2]),
        ("1", "10.50", '["a", "b"]', None),
        ("2", None, None, None),
    ]


def test_parquet_becomes_text(fresh: Mesh, extended: dict[str, str]) -> None:
    query = """
        select cast(7 as bigint) as visita_id, cast(1.5 as decimal(10, 2)) as valor,
               array('x', 'y') as tags, true as ativo
    """
    fresh.query(f"create table if not exists bronze.produtor using iceberg as {query}")
    (file,) = fresh.query("select file_path from bronze.produtor.files")[0]
    fresh.put("estoques/estoque/a.parquet", fresh.read(file))
    result = fresh.ingest("estoque", **extended)
    assert counts(ok(result), "estoque") == (1, 1, 0)
    assert "does not declare ativo" in result.stderr
    query = "select visita_id, valor, tags, _corrupt from bronze.estoque"
    assert fresh.query(query) == [("7", "1.50", '["x","y"]', None)]


def test_file_that_is_no_parquet_is_refused(fresh: Mesh, extended: dict[str, str]) -> None:
    fresh.put("estoques/estoque/b.parquet", "visita_id\n1\n")
    message = refused(fresh.ingest("estoque", **extended))
    assert "b.parquet: it cannot be read as Parquet" in message
    assert fresh.count("bronze.estoque") == 1


def test_column_declared_later_is_added_to_the_table(
    fresh: Mesh, extended: dict[str, str], tmp_path: Path
) -> None:
    project = Path(extended["DBT_TARGET_PATH"]).parent
    sources = project / "models/_extra__sources.yml"
    text = sources.read_text()
    sources.write_text(text.replace("- {name: tags", "- {name: nota}\n          - {name: tags", 1))
    target = str(tmp_path)
    ok(fresh.dbt("--quiet", "parse", "--project-dir", str(project), "--target-path", target))
    fresh.put("visitas/visita/b.jsonl", '{"visita_id": 9, "nota": 10}\n')
    assert counts(ok(fresh.ingest("visita", DBT_TARGET_PATH=target)), "visita") == (1, 1, 0)
    query = "select visita_id, nota from bronze.visita where visita_id in (1, 9) order by 1"
    assert fresh.query(query) == [("1", None), ("9", "10")]


def test_unknown_source_is_refused_with_the_known_ones(fresh: Mesh) -> None:
    message = refused(fresh.ingest("produto"))
    assert "unknown source: produto. Sources with a landing: cliente, pedido" in message


def test_missing_landing_path_is_named(fresh: Mesh, extended: dict[str, str]) -> None:
    message = refused(fresh.ingest("vazia", **extended))
    assert "source vazia: nothing has landed at s3a://landing/nada/vazia" in message


def test_unreachable_s3_is_named(fresh: Mesh) -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    message = refused(fresh.ingest(S3_ENDPOINT=endpoint, AWS_ACCESS_KEY_ID="a"))
    assert f"S3 at {endpoint} does not answer" in message


def test_refused_credentials_are_named(fresh: Mesh) -> None:
    settings = fresh.settings
    variables = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "guess"}
    message = refused(fresh.ingest(S3_ENDPOINT=settings.s3_endpoint, **variables))
    assert "does not answer a signed request" in message


def test_unreachable_metastore_is_named(fresh: Mesh) -> None:
    uri = f"thrift://127.0.0.1:{free_ports(1)[0]}"
    message = refused(fresh.ingest(METASTORE_URI=uri))
    assert f"the metastore at {uri} does not answer" in message


def test_missing_manifest_is_named(fresh: Mesh, tmp_path: Path) -> None:
    message = refused(fresh.ingest(DBT_TARGET_PATH=str(tmp_path)))
    assert "run `dbt parse`" in message


def test_bad_setting_is_named(fresh: Mesh) -> None:
    assert "S3_PORT='many': " in refused(fresh.ingest(S3_PORT="many"))


def test_interrupted_run_says_so_and_the_next_one_goes_on(fresh: Mesh) -> None:
    fresh.put("clientes/cliente/z.csv", "cliente_id,nome\n26,Zoe\n")
    log = fresh.folder / "logs/ingest.log"
    logged = log.stat().st_size
    process = subprocess.Popen(
        [sys.executable, "-m", "ingest", "cliente"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: log.stat().st_size > logged, seconds=60)  # Spark is starting
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping; the next run goes on from here" in message
    assert "Traceback" not in message
    ok(fresh.ingest("cliente"))
    assert fresh.count("bronze.cliente where nome = 'Zoe'") == 1


def test_second_run_of_a_source_is_told_who_has_it(fresh: Mesh) -> None:
    fresh.put("clientes/cliente/locked.csv", "cliente_id,nome\n26,Teo\n")
    with (fresh.folder / "ingest-cliente.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 4711 on a.example")
        lock.flush()
        message = refused(fresh.ingest("cliente"))
    assert "source cliente is being ingested by process 4711 on a.example" in message


def test_bad_usage_exits_with_2(fresh: Mesh) -> None:
    assert "No such option" in refused(fresh.ingest("--no-such-option"), code=2)


def test_list_shows_sources_and_where_their_files_land(fresh: Mesh) -> None:
    shown = ok(fresh.ingest("--list"))
    assert re.search(r"│ cliente │ csv +│ s3a://landing/clientes/cliente │ cliente_id, nome", shown)


def test_help_shows_examples(fresh: Mesh) -> None:
    assert "malha-ingest cliente pedido" in ok(fresh.ingest("--help"))


def test_run_that_finds_nothing_new_starts_no_spark(fresh: Mesh) -> None:
    ok(fresh.ingest("cliente"))
    fresh.put("clientes/cliente/_partial/x.csv", "cliente_id,nome\n27,Hidden\n")
    fresh.put("clientes/cliente/.y.csv", "cliente_id,nome\n28,Hidden\n")
    log = fresh.folder / "logs/ingest.log"
    logged = log.stat().st_size
    assert "nothing new has landed" in ok(fresh.ingest("cliente"))
    assert log.stat().st_size == logged
    fresh.put("clientes/cliente/zz.csv", "cliente_id,nome\n29,Rui\n")
    assert counts(ok(fresh.ingest("cliente")), "cliente") == (1, 1, 0)
    assert fresh.count("bronze.cliente where nome = 'Hidden'") == 0


def test_rows_are_not_ingested_again_when_the_checkpoint_is_lost(fresh: Mesh) -> None:
    before = fresh.count("bronze.cliente")
    for found in fresh.files(f"{fresh.settings.checkpoint_uri}/cliente/"):
        fresh.remove(found)
    fresh.put("clientes/cliente/zzz.csv", "cliente_id,nome\n30,Lia\n")
    assert counts(ok(fresh.ingest("cliente")), "cliente") == (1, 1, 0)
    assert fresh.count("bronze.cliente") == before + 1


def test_rows_are_not_ingested_again_when_maintenance_followed_a_crash(fresh: Mesh) -> None:
    before = fresh.count("bronze.cliente")
    fresh.remove(fresh.files(f"{fresh.settings.checkpoint_uri}/cliente/commits/")[-1])
    fresh.query(
        "call lake.system.rewrite_data_files(table => 'bronze.cliente',"
        " options => map('rewrite-all', 'true'))"
    )
    fresh.query(
        "call lake.system.expire_snapshots(table => 'bronze.cliente',"
        " older_than => timestamp '2999-01-01', retain_last => 1)"
    )
    assert counts(ok(fresh.ingest("cliente")), "cliente") == (0, 0, 0)
    assert fresh.count("bronze.cliente") == before
