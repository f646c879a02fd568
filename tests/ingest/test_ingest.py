"""Runs of `malha-ingest`: what is new goes to bronze once, whatever happened before."""

import fcntl
import signal
import sys

from tests.ingest.support import counts
from tests.mesh import Mesh, eventually, ok, refused

HEADER = "cliente_id,nome\n"

INGEST = (sys.executable, "-m", "ingest")


def test_csv_is_matched_by_its_header_not_by_position(empty: Mesh) -> None:
    empty.put("clientes/cliente/a.csv", f"{HEADER}1,Alice\n")
    empty.put("clientes/cliente/dia 2/[b] #1?.csv", "idade,nome,cliente_id\r\n30,Bob,2\r\n")
    result = empty.ingest("cliente")
    assert counts(ok(result), "cliente") == (2, 2, 0)
    rows = empty.query("select cliente_id, nome, _extra['idade'] from bronze.cliente order by 1")
    assert rows == [("1", "Alice", None), ("2", "Bob", "30")]
    assert (
        "warning: source cliente does not declare idade: kept in the map _extra of bronze"
        in result.stderr
    )


def test_bad_line_is_noticed_in_a_file_with_an_undeclared_column(empty: Mesh) -> None:
    lines = ["7,Maria,da Silva,30", "8"]
    empty.put("clientes/cliente/aa.csv", "\n".join(["cliente_id,nome,idade", *lines]) + "\n")
    assert counts(ok(empty.ingest("cliente")), "cliente") == (1, 2, 2)
    corrupt = empty.query("select _corrupt from bronze.cliente where _corrupt is not null")
    assert sorted(corrupt) == [(line,) for line in lines]


def test_only_new_files_are_read(ingested: Mesh) -> None:
    ingested.put("clientes/cliente/c.csv", f"{HEADER}3,Carol\n4,Dora,?\n")
    assert counts(ok(ingested.ingest("cliente")), "cliente") == (1, 2, 1)
    assert counts(ok(ingested.ingest("cliente")), "cliente") == (0, 0, 0)
    assert ingested.count("bronze.cliente") == 5
    assert ingested.count("bronze.cliente where _corrupt = '4,Dora,?'") == 1


def test_batch_that_was_appended_before_a_crash_is_not_appended_again(ingested: Mesh) -> None:
    last = forget_last_commit(ingested)
    assert counts(ok(ingested.ingest("cliente")), "cliente") == (0, 0, 0)
    assert ingested.count("bronze.cliente") == 3
    assert last in ingested.files(f"{ingested.settings.checkpoint_uri}/cliente/commits/")


def test_rows_are_not_ingested_again_when_the_checkpoint_is_lost(ingested: Mesh) -> None:
    for found in ingested.files(f"{ingested.settings.checkpoint_uri}/cliente/"):
        ingested.remove(found)
    ingested.put("clientes/cliente/zzz.csv", f"{HEADER}30,Lia\n")
    assert counts(ok(ingested.ingest("cliente")), "cliente") == (1, 1, 0)
    assert ingested.count("bronze.cliente") == 4


def test_rows_are_not_ingested_again_when_maintenance_followed_a_crash(ingested: Mesh) -> None:
    forget_last_commit(ingested)
    ingested.query(
        "call lake.system.rewrite_data_files(table => 'bronze.cliente',"
        " options => map('rewrite-all', 'true'))"
    )
    ingested.query(
        "call lake.system.expire_snapshots(table => 'bronze.cliente',"
        " older_than => timestamp '2999-01-01', retain_last => 1)"
    )
    assert counts(ok(ingested.ingest("cliente")), "cliente") == (0, 0, 0)
    assert ingested.count("bronze.cliente") == 3


def forget_last_commit(mesh: Mesh) -> str:
    """Let the checkpoint be as if the run had been killed before it noted its batch as done."""
    last = mesh.files(f"{mesh.settings.checkpoint_uri}/cliente/commits/")[-1]
    mesh.remove(last)
    return last


def test_one_source_that_fails_does_not_keep_the_others_back(empty: Mesh) -> None:
    empty.put("pedidos/pedido/b.csv", "pedido_id,valor\n2,150\n")
    empty.put("clientes/cliente/d.csv", f"{HEADER}5,Eva\n")
    result = empty.ingest()
    assert "b.csv: it lacks cliente_id" in refused(result)
    assert counts(result.stdout, "cliente") == (1, 1, 0)


def test_second_run_of_a_source_is_told_who_has_it(empty: Mesh) -> None:
    empty.put("clientes/cliente/locked.csv", f"{HEADER}26,Teo\n")
    with (empty.folder / "ingest-cliente.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 4711 on a.example")
        lock.flush()
        message = refused(empty.ingest("cliente"))
    assert "source cliente is being ingested by process 4711 on a.example" in message


def test_run_in_a_process_of_its_own_ingests_and_ends_with_0(empty: Mesh) -> None:
    empty.put("clientes/cliente/a.csv", f"{HEADER}1,Alice\n")
    shown = ok(empty.run(*INGEST, "cliente"))
    assert counts(shown, "cliente") == (1, 1, 0)
    assert empty.query("select cliente_id, nome from bronze.cliente") == [("1", "Alice")]


def test_interrupted_run_says_so_and_the_next_one_goes_on(empty: Mesh) -> None:
    empty.put("clientes/cliente/z.csv", f"{HEADER}26,Zoe\n")
    log = empty.folder / "logs/ingest.log"
    logged = log.stat().st_size if log.exists() else 0
    process = empty.start(*INGEST, "cliente")
    # Spark is starting.
    eventually(lambda: log.exists() and log.stat().st_size > logged, seconds=60)
    process.send_signal(signal.SIGINT)
    message, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping; the next run goes on from here" in message
    assert "Traceback" not in message
    ok(empty.ingest("cliente"))
    assert empty.count("bronze.cliente where nome = 'Zoe'") == 1


def test_run_that_finds_nothing_new_starts_no_spark(ingested: Mesh) -> None:
    ingested.put("clientes/cliente/_partial/x.csv", f"{HEADER}27,Hidden\n")
    ingested.put("clientes/cliente/.y.csv", f"{HEADER}28,Hidden\n")
    log = ingested.folder / "logs/ingest.log"
    logged = log.stat().st_size
    assert "nothing new has landed" in ok(ingested.run(*INGEST, "cliente"))
    assert log.stat().st_size == logged
    ingested.put("clientes/cliente/zz.csv", f"{HEADER}29,Rui\n")
    assert counts(ok(ingested.ingest("cliente")), "cliente") == (1, 1, 0)
    assert ingested.count("bronze.cliente where nome = 'Hidden'") == 0
