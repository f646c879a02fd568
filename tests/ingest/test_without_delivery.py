"""A source for which nothing has landed is empty, and keeps nobody else back."""

from pathlib import Path

from tests.ingest.support import counts
from tests.mesh import Mesh, ok

HEADER = "visita_id,valor,tags\n"


def test_its_table_is_made_and_the_other_sources_are_ingested(
    empty: Mesh, extended: dict[str, str]
) -> None:
    empty.put("clientes/cliente/a.csv", "cliente_id,nome\n1,Alice\n")
    result = empty.ingest(**extended)
    assert counts(ok(result), "cliente") == (1, 1, 0)
    assert counts(result.stdout, "vazia") == (0, 0, 0)
    assert "nada/vazia" not in result.stderr
    assert empty.count("bronze.vazia") == 0
    assert empty.count("bronze.cliente") == 1


def test_it_is_ingested_once_something_lands(empty: Mesh, extended: dict[str, str]) -> None:
    ok(empty.ingest("vazia", **extended))
    empty.put("nada/vazia/a.csv", f"{HEADER}1,2,3\n")
    assert counts(ok(empty.ingest("vazia", **extended)), "vazia") == (1, 1, 0)
    assert empty.query("select visita_id from bronze.vazia") == [("1",)]


def test_it_says_so_where_it_is_named(empty: Mesh, extended: dict[str, str]) -> None:
    for _ in range(2):
        result = empty.ingest("vazia", **extended)
        assert counts(ok(result), "vazia") == (0, 0, 0)
        note = "note: source vazia: nothing has landed at s3a://landing/nada/vazia"
        assert note in result.stderr


def test_run_starts_no_spark_for_it_once_its_table_is_there(
    empty: Mesh, extended: dict[str, str]
) -> None:
    ok(empty.ingest("vazia", **extended))
    assert "nothing new has landed" in ok(empty.ingest("vazia", **extended))


def test_source_whose_files_were_all_taken_away_is_up_to_date(ingested: Mesh) -> None:
    for found in ingested.files("s3a://landing/clientes/cliente/"):
        ingested.remove(found)
    assert counts(ok(ingested.ingest("cliente")), "cliente") == (0, 0, 0)
    assert ingested.count("bronze.cliente") == 3


def test_models_find_the_table_of_a_source_without_a_delivery(empty: Mesh) -> None:
    """dbt's unit tests take the columns of what they stand on from the tables there are."""
    empty.put(
        "clientes/cliente/a.csv",
        Path("data/samples/minimo/clientes/cliente/cliente.csv").read_text(),
    )
    ok(empty.ingest())
    ok(empty.dbt("--quiet", "run", "--select", "prata_pedido_entregas"))
    ok(empty.dbt("--quiet", "test", "--select", "prata_pedido,test_type:unit"))
