"""dbt's own idioms mean on a branch what dbt's documentation says, or are refused with a reason.

Each idiom goes through the same situations: built, built again, after a delivery, after one that a
test refuses, after its correction, after a rollback. What readers should see comes from dbt's
documentation, not from what the macros do.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.dbt.project import Project
from tests.mesh import Mesh, ok

Source = list[tuple[int, int, int]]
"""Rows of `bronze.venda`: id, valor, day of January."""
Rows = list[tuple[int, int]]

FIRST: Source = [(1, 10, 1), (2, 20, 2)]
LATER: Source = [(2, 25, 3), (3, 30, 3)]
BAD: Source = [(4, -1, 4)]
CORRECTION: Source = [(4, 40, 5)]

SOURCE = "{{ source('bronze', 'venda') }}"
NEW_DAYS = "{% if is_incremental() %} where dia > (select max(dia) from {{ this }}) {% endif %}"
ONE_A_KEY = f"select id, max_by(valor, dia) as valor, max(dia) as dia from {SOURCE}"


def incremental(options: str, select: str = f"select id, valor, dia from {SOURCE}") -> str:
    return f"{{{{ config(materialized='incremental', {options}) }}}} {select}"


def everything(history: list[Source]) -> Rows:
    """Every row that came, corrections beside what they correct."""
    return sorted((number, valor) for rows in history for number, valor, _ in rows)


def last_of_each(history: list[Source]) -> Rows:
    """The last row of each key."""
    return sorted({number: valor for rows in history for number, valor, _ in rows}.items())


@dataclass(frozen=True)
class Idiom:
    """A model as dbt's documentation has it, and what it holds of a history of deliveries."""

    sql: str
    holds: Callable[[list[Source]], Rows]
    more: dict[str, str] | None = None
    """Other files of the project."""


IDIOMS = {
    "table": Idiom(
        f"{{{{ config(materialized='table') }}}} select id, valor, dia from {SOURCE}", everything
    ),
    "view": Idiom(
        f"{{{{ config(materialized='view') }}}} select id, valor, dia from {SOURCE}", everything
    ),
    "ephemeral": Idiom(
        "{{ config(materialized='table') }} select * from {{ ref('efemera') }}",
        everything,
        {
            "models/prata/efemera.sql": "{{ config(materialized='ephemeral') }} "
            f"select id, valor, dia from {SOURCE}"
        },
    ),
    "append": Idiom(
        incremental("incremental_strategy='append'") + f" {NEW_DAYS}",
        everything,
    ),
    "sem_estrategia": Idiom(
        "{{ config(materialized='incremental') }} "
        f"select id, valor, dia from {SOURCE} {NEW_DAYS}",
        everything,
    ),
    "merge": Idiom(
        incremental("unique_key='id', incremental_strategy='merge'") + f" {NEW_DAYS}",
        last_of_each,
    ),
    "chave": Idiom(
        incremental("unique_key='id'") + f" {NEW_DAYS}",
        last_of_each,
    ),
    "chave_composta": Idiom(
        incremental("unique_key=['id', 'um']", f"select id, 1 as um, valor, dia from {SOURCE}")
        + f" {NEW_DAYS}",
        last_of_each,
    ),
    "merge_inteiro": Idiom(
        incremental("unique_key='id'", f"{ONE_A_KEY} group by id"), last_of_each
    ),
    "insert_overwrite": Idiom(
        incremental("incremental_strategy='insert_overwrite'"),
        everything,
    ),
    "particoes": Idiom(
        incremental("incremental_strategy='insert_overwrite', partition_by=['dia']")
        + " {% if is_incremental() %} where dia >= (select max(dia) from {{ this }}) {% endif %}",
        everything,
    ),
    "microbatch": Idiom(
        incremental(
            "incremental_strategy='microbatch', event_time='momento', batch_size='day', "
            "begin=(modules.datetime.datetime.now(modules.pytz.utc) "
            "- modules.datetime.timedelta(days=2)).strftime('%Y-%m-%d'), partition_by=['dia']",
            "select id, valor, dia, momento from {{ ref('momentos') }}",
        ),
        everything,
        {
            "models/prata/momentos.sql": "{{ config(materialized='view') }} "
            "select id, valor, date(current_timestamp()) as dia, "
            "cast(date(current_timestamp()) as timestamp) as momento "
            f"from {SOURCE}",
            "models/prata/momentos.yml": "models: [{name: momentos, "
            "config: {event_time: momento}}]",
        },
    ),
}
NEGATIVE = "select * from {{{{ ref('{0}') }}}} where valor < 0"
HISTORIES: dict[str, list[Source]] = {
    "built": [FIRST],
    "built again": [FIRST],
    "after a delivery": [FIRST, LATER],
    "after a delivery that a test refuses": [FIRST, LATER],
    "after its correction": [FIRST, LATER, CORRECTION],
    "after a rollback": [FIRST, LATER],
    "built after it": [FIRST, LATER, CORRECTION],
}
"""What readers should see in each situation: what of these deliveries the idiom holds."""


def deliver(project: Project, rows: Source) -> None:
    values = ", ".join(f"({i}, {valor}, date'2026-01-{day:02}')" for i, valor, day in rows)
    project.mesh.query(f"insert into bronze.venda values {values}")


def seen(project: Project, table: str = "produto") -> Rows:
    rows = project.mesh.query(f"select id, cast(valor as int) from ouro.{table}")
    return sorted(rows)


@pytest.fixture(scope="module")
def situations(mesh: Mesh) -> dict[str, dict[str, Rows]]:
    """What readers see of each idiom in each situation; one build has them all side by side."""
    mesh.begin_empty()
    project = Project.with_sales(mesh)
    project.mesh.query("delete from bronze.venda")
    for name, idiom in IDIOMS.items():
        project.write(f"models/ouro/{name}.sql", idiom.sql)
        project.write(f"tests/{name}_nao_negativo.sql", NEGATIVE.format(name))
        for path, text in (idiom.more or {}).items():
            project.write(path, text)
    found: dict[str, dict[str, Rows]] = {}

    def look(situation: str) -> None:
        found[situation] = {name: seen(project, name) for name in IDIOMS}

    deliver(project, FIRST)
    project.build()
    look("built")
    project.build()
    look("built again")
    deliver(project, LATER)
    project.build()
    look("after a delivery")
    deliver(project, BAD)
    assert project.dbt("build").returncode == 1
    look("after a delivery that a test refuses")
    project.mesh.query("delete from bronze.venda where valor < 0")
    deliver(project, CORRECTION)
    project.build()
    look("after its correction")
    for name in IDIOMS:
        if name != "view":
            ok(mesh.lake("rollback", name, "previous", **project.variables))
    look("after a rollback")
    project.build()
    look("built after it")
    return found


@pytest.mark.parametrize("situation", HISTORIES)
@pytest.mark.parametrize("name", IDIOMS)
def test_idiom_holds_what_dbt_documents(
    situations: dict[str, dict[str, Rows]], name: str, situation: str
) -> None:
    history = HISTORIES[situation]
    if name == "view":
        # A view has no rows of its own: its readers see what its inputs hold.
        history = {
            "after a delivery that a test refuses": [FIRST, LATER, BAD],
            "after a rollback": [FIRST, LATER, CORRECTION],
        }.get(situation, history)
    assert situations[situation][name] == IDIOMS[name].holds(history)


def test_full_refresh_makes_an_incremental_table_anew_and_keeps_its_history(
    project: Project,
) -> None:
    project.write("models/ouro/produto.sql", IDIOMS["merge"].sql)
    project.build()
    project.mesh.query("update bronze.venda set valor = 11 where id = 1")
    project.build()
    assert seen(project) == [(1, 10), (2, 20)], "an old day is not read again"
    project.build("--full-refresh")
    assert seen(project) == [(1, 11), (2, 20)]
    assert project.snapshots() >= 2


def test_first_build_that_fails_a_test_loses_nothing_of_the_next(project: Project) -> None:
    deliver(project, BAD)
    project.write("models/ouro/produto.sql", IDIOMS["append"].sql)
    project.write("tests/nao_negativo.sql", NEGATIVE.format("produto"))
    assert project.dbt("build").returncode == 1
    assert seen(project) == []
    project.mesh.query("delete from bronze.venda where valor < 0")
    project.build()
    assert seen(project) == [(1, 10), (2, 20)]


@pytest.mark.parametrize("option", ["--empty", "--sample=1 day"])
@pytest.mark.parametrize("command", ["build", "run"])
def test_dry_run_publishes_nothing(project: Project, command: str, option: str) -> None:
    project.write("models/ouro/produto.sql", IDIOMS["table"].sql)
    project.write("models/prata/lado.sql", IDIOMS["view"].sql)
    project.build()
    before = seen(project)
    project.write(
        "models/ouro/novo.sql",
        "{{ config(materialized='table') }} select * from {{ ref('produto') }}",
    )
    shown = ok(project.dbt(command, *option.split("=", 1)))
    assert "Nothing was published" in shown
    assert seen(project) == before == [(1, 10), (2, 20)]
    assert len(project.rows("prata.lado")) == 2
    assert project.branches() == []
    assert ("ouro", "novo", False) not in project.mesh.query("show tables in ouro")


SEED = "id,valor\n1,10\n2,20\n"


def test_seed_is_published_when_tested_and_never_dropped(project: Project) -> None:
    project.write("seeds/produto.csv", SEED)
    project.write(
        "seeds/produto.yml",
        "seeds: [{name: produto, config: {schema: ouro}, columns: "
        "[{name: id, data_tests: [unique]}]}]",
    )
    project.build()
    assert seen(project) == [(1, 10), (2, 20)]
    project.write("seeds/produto.csv", SEED + "2,30\n")
    assert project.dbt("build").returncode == 1
    assert seen(project) == [(1, 10), (2, 20)]
    project.write("seeds/produto.csv", SEED.replace("2,20", "3,30"))
    project.build()
    assert seen(project) == [(1, 10), (3, 30)]
    assert project.snapshots() >= 2
    project.build("--full-refresh")
    assert seen(project) == [(1, 10), (3, 30)]
    assert project.snapshots() >= 3


@pytest.mark.parametrize(
    "strategy",
    ["strategy: check, check_cols: [valor]", "strategy: timestamp, updated_at: momento"],
    ids=["check", "timestamp"],
)
def test_snapshot_keeps_what_was(project: Project, strategy: str) -> None:
    project.mesh.execute(
        "drop table bronze.venda purge",
        "create table bronze.venda (id int, valor int, momento timestamp) using iceberg",
        "insert into bronze.venda values (1, 10, timestamp'2026-01-01 00:00:00')",
    )
    project.write(
        "snapshots/historia.yml",
        "snapshots: [{name: historia, relation: \"source('bronze', 'venda')\", "
        f"config: {{schema: prata, unique_key: id, {strategy}}}, "
        "columns: [{name: valor, data_tests: [{at_most: {arguments: {value: 100}}}]}]}]",
    )
    query = "select valor, dbt_valid_to is null from prata.historia order by valor"
    project.build()
    assert "Published: nothing; 1 table had nothing new" in project.build()
    assert project.snapshots("prata.historia") == 1
    assert project.mesh.query(query) == [(10, True)]
    project.mesh.query(
        "update bronze.venda set valor = 500, momento = timestamp'2026-01-02 00:00:00'"
    )
    assert project.dbt("build").returncode == 1
    assert project.mesh.query(query) == [(10, True)]
    project.mesh.query(
        "update bronze.venda set valor = 50, momento = timestamp'2026-01-03 00:00:00'"
    )
    project.build()
    assert project.mesh.query(query) == [(10, False), (50, True)]
    rows = "select max_by(summary['total-records'], committed_at) from prata.historia.snapshots"
    # Three were written, of which the first one's old form is deleted; none is left out of the sum.
    assert project.mesh.query(rows) == [("3",)]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("ignore", [("id", "valor", "dia"), (1, 2, 3)]),
        ("append_new_columns", [("id", "valor", "dia", "novo"), (1, 2, 3)]),
    ],
)
def test_new_column_of_an_incremental_model(
    project: Project, option: str, expected: list[tuple[object, ...]]
) -> None:
    config = f"incremental_strategy='append', on_schema_change='{option}'"
    select = f"select id, valor, dia from {SOURCE}"
    project.write("models/ouro/produto.sql", incremental(config, select) + f" {NEW_DAYS}")
    project.build()
    project.write(
        "models/ouro/produto.sql",
        incremental(config, select.replace("dia from", "dia, 7 as novo from")) + f" {NEW_DAYS}",
    )
    deliver(project, [(3, 30, 9)])
    project.build()
    columns = tuple(row[0] for row in project.mesh.query("describe ouro.produto"))
    numbers = tuple(row[0] for row in project.rows())
    assert [columns, numbers] == expected


@pytest.mark.parametrize("option", ["fail", "sync_all_columns"])
def test_column_that_is_gone_is_refused_where_it_would_be_dropped(
    project: Project, option: str
) -> None:
    config = f"incremental_strategy='append', on_schema_change='{option}'"
    project.write(
        "models/ouro/produto.sql",
        incremental(config, f"select id, valor, dia from {SOURCE}") + f" {NEW_DAYS}",
    )
    project.build()
    before = project.rows()
    project.write(
        "models/ouro/produto.sql",
        incremental(config, f"select id, dia from {SOURCE}") + f" {NEW_DAYS}",
    )
    result = project.dbt("build")
    assert result.returncode == 1
    assert "nothing was written" in result.stdout
    assert project.rows() == before


def test_fail_fast_publishes_no_table_whose_tests_were_cut(project: Project) -> None:
    project.write("models/ouro/produto.sql", IDIOMS["table"].sql)
    project.write(
        "models/ouro/outro.sql",
        "{{ config(materialized='table') }} select id from {{ source('bronze', 'venda') }}",
    )
    tests = ", ".join(f"a{number}" for number in range(8))
    for number in range(8):
        project.write(
            f"tests/generic/a{number}.sql",
            f"{{% test a{number}(model) %}} select * from {{{{ model }}}} "
            f"where {'true' if number == 0 else 'false'} {{% endtest %}}",
        )
    project.write(
        "models/ouro/_tests.yml",
        f"models: [{{name: outro, data_tests: [{tests}]}}, "
        "{name: produto, data_tests: [a1, a2, a3]}]",
    )
    result = project.dbt("build", "--fail-fast", "--threads", "1")
    assert result.returncode == 1
    assert project.mesh.count("ouro.outro") == 0
    statuses = result.stdout
    for table in ("ouro.produto", "ouro.outro"):
        published = f"Published: {table}" in statuses
        cut = f"{table}: " in statuses
        assert published != cut


def test_clone_is_refused(project: Project) -> None:
    project.write("models/ouro/produto.sql", IDIOMS["table"].sql)
    project.build()
    state = project.folder / "state"
    state.mkdir(exist_ok=True)
    (state / "manifest.json").write_bytes((project.folder / "target/manifest.json").read_bytes())
    result = project.dbt("clone", "--state", str(state), "--full-refresh")
    assert result.returncode == 1
    assert "dbt clone would put a view in place of" in result.stdout
    assert seen(project) == [(1, 10), (2, 20)]


def test_select_exclude_state_and_defer_build_what_they_name(project: Project) -> None:
    project.write("models/ouro/produto.sql", IDIOMS["table"].sql)
    project.write(
        "models/ouro/total.sql",
        "{{ config(materialized='table') }} select count(*) as n from {{ ref('produto') }}",
    )
    project.build()
    state = project.folder / "state"
    state.mkdir(exist_ok=True)
    (state / "manifest.json").write_bytes((project.folder / "target/manifest.json").read_bytes())
    deliver(project, [(3, 30, 9)])
    project.write(
        "models/ouro/total.sql",
        "{{ config(materialized='table') }} select count(*) as n, 1 as m from {{ ref('produto') }}",
    )
    project.build("--select", "state:modified", "--state", str(state), "--defer")
    assert project.rows("ouro.total") == [(2, 1)]
    project.build("--exclude", "total")
    assert len(seen(project)) == 3
    assert project.rows("ouro.total") == [(2, 1)]


def test_hooks_run_on_the_branch(project: Project) -> None:
    project.write(
        "models/ouro/produto.sql",
        "{{ config(materialized='table', post_hook=\"insert into {{ this }} "
        "values (9, 90, date'2026-01-09')\") }} "
        f"select id, valor, dia from {SOURCE}",
    )
    project.write("tests/never.sql", "select * from {{ ref('produto') }} where id = 1")
    assert project.dbt("build").returncode == 1
    assert seen(project) == []
    project.remove("tests/never.sql")
    project.build()
    assert seen(project) == [(1, 10), (2, 20), (9, 90)]
