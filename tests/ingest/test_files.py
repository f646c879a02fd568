"""Files before and after they land: checked, listed, removed, set aside, or read by no source."""

import gzip
import json
from pathlib import Path

import pytest

from malha.settings import ROOT
from tests.ingest.support import counts
from tests.mesh import Mesh, ok, refused

HEADER = "pedido_id,cliente_id,valor\n"
PEDIDOS = "s3a://landing/pedidos/pedido"


def written(mesh: Mesh) -> list[str]:
    """What is in the lake, checkpoints included; folders that once had files do not count."""
    return [uri for uri in mesh.files("s3a://lake/") if not uri.endswith("/")]


def test_file_of_this_machine_is_checked_and_nothing_is_written(
    empty: Mesh, tmp_path: Path
) -> None:
    file = tmp_path / "entrega/pedidos/pedido/dia 5/[a] #1.csv"
    file.parent.mkdir(parents=True)
    file.write_text("pedido_id,cliente_id,valor,canal\n1,,10,web\n2,,20\n")
    shown = ok(empty.ingest("--check", str(file), "--json"))
    assert json.loads(shown) == [
        {
            "file": str(file),
            "source": "pedido",
            "accepted": True,
            "problem": None,
            "rows": 2,
            "corrupt_rows": 1,
            "columns": ["pedido_id", "valor"],
            "empty_columns": ["cliente_id"],
            "undeclared": ["canal"],
        }
    ]
    assert not written(empty)


def test_checked_files_that_would_be_refused_are_named_and_exit_with_1(
    empty: Mesh, extended: dict[str, str], tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(f"{HEADER}1,1,200\n")
    bad.write_text("pedido_id,valor\n1,200\n")
    empty.put("pedidos/pedido/x.csv", f"{HEADER}3,3,3\n")
    empty.put("pedidos/pedido/_x.csv", f"{HEADER}3,3,3\n")
    names = [str(good), str(bad), f"{PEDIDOS}/x.csv", "pedidos/pedido/_x.csv", "pedidos/pedido/no"]
    result = empty.ingest("--check", *names, "--source", "pedido", **extended)
    message = refused(result)
    assert f"error: {bad}: it lacks cliente_id, declared by source pedido" in message
    assert "_x.csv: its name, or a folder's, begins with . or _" in message
    assert "pedidos/pedido/no: there is no such file" in message
    yes = [line for line in result.stdout.splitlines() if "│ yes" in line]
    assert len(yes) == 2
    assert "good.csv" in yes[0]
    assert "x.csv" in yes[1]


def test_json_is_checked_as_a_run_would_read_it(
    empty: Mesh, extended: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"visita_id": 1, "canal": "app"}\n{"visita_id": 2} {"visita_id": 3}\n')
    shown = ok(empty.ingest("--check", str(file), "--source", "visita", "--json", **extended))
    (found,) = json.loads(shown)
    assert (found["rows"], found["corrupt_rows"], found["undeclared"]) == (2, 1, ["canal"])
    assert not written(empty)


def test_file_that_no_source_reads_is_told_where_there_are_some(mesh: Mesh) -> None:
    message = refused(mesh.ingest("--check", "produtos/produto/a.csv"))
    assert "produtos/produto/a.csv: no source reads it" in message
    assert "cliente at clientes/cliente/, pedido at pedidos/pedido/" in message


def test_landed_files_are_listed_with_what_became_of_them(ingested: Mesh) -> None:
    ingested.put("pedidos/pedido/b.csv", f"{HEADER}4,1,1\n")
    ingested.put("pedidos/pedido/_b.csv", f"{HEADER}4,1,1\n")
    shown = ok(ingested.ingest("--files", "pedido", "--json"))
    found = {file["file"]: (file["state"], file["bytes"]) for file in json.loads(shown)}
    size = len(f"{HEADER}4,1,1\n")
    old = f"{PEDIDOS}/pedido.csv"
    assert found == {
        f"{PEDIDOS}/_b.csv": ("ignored", size),
        f"{PEDIDOS}/b.csv": ("new", size),
        old: ("ingested", len(ingested.read(old))),
    }
    assert "│ ingested" in ok(ingested.ingest("--files"))


def test_landed_file_is_removed_and_rows_that_bronze_has_stay(ingested: Mesh) -> None:
    ingested.put("pedidos/pedido/b.csv", f"{HEADER}4,1,1\n")
    result = ingested.ingest("--remove", "pedidos/pedido/b.csv", f"{PEDIDOS}/pedido.csv")
    assert f"removed {PEDIDOS}/b.csv\nremoved {PEDIDOS}/pedido.csv" in ok(result)
    assert "note: source pedido: 1 of them was ingested before; the rows stay" in result.stderr
    assert not ingested.files(f"{PEDIDOS}/")
    assert ingested.count("bronze.pedido") == 3


def test_nothing_is_removed_where_one_of_the_files_is_not_there(ingested: Mesh) -> None:
    message = refused(ingested.ingest("--remove", "pedidos/pedido/pedido.csv", "pedidos/no.csv"))
    assert "s3a://landing/pedidos/no.csv: no such file has landed" in message
    assert ingested.files(f"{PEDIDOS}/") == [f"{PEDIDOS}/pedido.csv"]


def test_refused_files_are_set_aside_and_the_others_ingested(empty: Mesh) -> None:
    empty.put("pedidos/pedido/a.csv", f"{HEADER}1,1,200\n")
    empty.put("pedidos/pedido/lacking.csv", "pedido_id,valor\n2,150\n")
    empty.put("pedidos/pedido/é blank [1].csv", "\n")
    empty.put("pedidos/pedido/nogzip.csv.gz", f"{HEADER}3,1,200\n")
    whole = gzip.compress((HEADER + "4,1,200\n" * 100_000).encode())
    empty.put("pedidos/pedido/torn.csv.gz", whole[: len(whole) // 2])
    message = refused(empty.ingest("pedido"))
    assert "2 more cannot be accepted" in message
    assert "note: `malha-ingest --set-aside` moves such files out of the way" in message
    assert empty.count("bronze.pedido") == 0
    result = empty.ingest("--set-aside", "pedido")
    assert counts(ok(result), "pedido") == (1, 1, 0)
    for name, problem in {
        "lacking.csv": "it lacks cliente_id",
        "é blank [1].csv": "it has no header line",
        "nogzip.csv.gz": "it is not gzip",
        "torn.csv.gz": "it cannot be read",
    }.items():
        assert f"source pedido: set aside {PEDIDOS}/{name}: {problem}" in result.stderr
    assert empty.files(f"{PEDIDOS}/") == [f"{PEDIDOS}/a.csv"]
    moved = empty.files("s3a://landing/_refused/")
    assert len(moved) == 4
    assert moved[0] in result.stderr
    assert empty.read(moved[-1]) == b"\n"
    # The source is free again, and what was set aside comes back under another name.
    empty.put("pedidos/pedido/lacking-2.csv", f"{HEADER}2,1,150\n")
    assert counts(ok(empty.ingest("pedido")), "pedido") == (1, 1, 0)


def test_so_are_files_of_the_other_formats(empty: Mesh, extended: dict[str, str]) -> None:
    empty.put("estoques/estoque/b.parquet", "visita_id\n1\n")
    empty.put("visitas/visita/a.jsonl", '{"visita_id": 1}\n')
    empty.put("visitas/visita/b.jsonl", '{"visita_id": 2, "Valor": 2}\n')
    refused(empty.ingest("visita", "estoque", **extended))
    result = empty.ingest("--set-aside", "visita", "estoque", **extended)
    assert counts(ok(result), "visita") == (1, 1, 0)
    assert counts(result.stdout, "estoque") == (0, 0, 0)
    assert "b.jsonl: its key Valor differs by case only from valor" in result.stderr
    assert "b.parquet: it cannot be read as Parquet" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--check"], "name the files"),
        (["--remove"], "name the files"),
        (["--source", "pedido"], "it is for --check only"),
        (["--files", "--list"], "--list and --files do not go together"),
        (["--replay", "--set-aside", "pedido"], "--set-aside and --replay do not go together"),
    ],
)
def test_wrong_usage_is_named(mesh: Mesh, arguments: list[str], message: str) -> None:
    assert message in refused(mesh.ingest(*arguments), code=2)


def test_landing_says_which_files_no_source_reads(empty: Mesh, tmp_path: Path) -> None:
    for path in ("pedidos/pedido/a.csv", "produtos/a.csv", "pedido/b.csv", "pedidos/pedido/.c"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEADER)
    result = empty.stack("land", str(tmp_path))
    assert f"{PEDIDOS}/a.csv" in ok(result)
    assert (
        "warning: no source reads pedido/b.csv, pedidos/pedido/.c, produtos/a.csv. Files are read "
        "below clientes/cliente/, pedidos/pedido/" in result.stderr
    )
    assert len(empty.files("s3a://landing/")) == 4


def test_landing_says_nothing_of_files_that_are_read(empty: Mesh) -> None:
    result = empty.stack("land", str(ROOT / "data/samples/minimo"))
    assert "no source reads" not in result.stderr + ok(result)
