"""Random rounds of what people do to a mesh: readers see a full rebuild of a published state.

ROUNDS says how many steps are taken in all: a few by default, 500 on demand.
"""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.dbt.project import Project
from tests.mesh import DBT

ROUNDS = int(os.environ.get("ROUNDS", "24"))
STEPS = 12

Rows = dict[int, int]

MODEL = """
{{{{ config(
    materialized='incremental', unique_key='id',
    meta={{'reads': {{'bronze.venda': '_batch_id'}}}}
) }}}}
{{% set read = read_up_to() %}}
with nova as (
    select * from {{{{ source('bronze', 'venda') }}}}
    {{% if read %}} where _batch_id > {{{{ read['bronze.venda'] }}}} {{% endif %}}
)
select id, max_by(cast(valor as {0}), _batch_id) as valor from nova group by id
"""
DOWNSTREAM = """
{{ config(materialized='table') }}
select count(*) as linhas, coalesce(sum(valor), 0) as total from {{ ref('produto') }}
"""
TYPES = ("int", "bigint")

_project: list[Project] = []


class Rounds(RuleBasedStateMachine):
    """A source, a product that follows it by batches, and one made from that."""

    def __init__(self) -> None:
        super().__init__()
        self.project = _project[0]
        self.mesh = self.project.mesh
        self.bronze: list[tuple[int, int, int]] = []
        self.batch = 0
        self.type = 0
        self.published: list[Rows] = [{}]
        """What has been published, oldest first; the last is what readers see."""

    @initialize()
    def begin(self) -> None:
        self.mesh.begin_empty()
        self.mesh.query(
            "create table bronze.venda (id int, valor bigint, _batch_id bigint) using iceberg"
        )
        self._write()

    def _write(self) -> None:
        self.project.write("models/ouro/produto.sql", MODEL.format(TYPES[self.type]))

    def _current(self) -> Rows:
        rows: Rows = {}
        for number, valor, _ in sorted(self.bronze, key=lambda row: row[2]):
            rows[number] = valor
        return rows

    def _publish(self) -> None:
        if self._current() != self.published[-1] or len(self.published) == 1:
            self.published.append(self._current())

    def _refused(self) -> bool:
        return any(valor < 0 for valor in self._current().values())

    @rule(rows=st.dictionaries(st.integers(1, 5), st.integers(-1, 50), min_size=1, max_size=3))
    def deliver(self, rows: Rows) -> None:
        self.batch += 1
        added = [(number, valor, self.batch) for number, valor in rows.items()]
        self.mesh.query(f"insert into bronze.venda values {', '.join(map(str, added))}")
        self.bronze += added

    @precondition(lambda self: self.bronze)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted({row[0] for row in self.bronze})))
        self.mesh.query(f"delete from bronze.venda where id = {number}")
        self.bronze = [row for row in self.bronze if row[0] != number]

    @rule(full=st.booleans())
    def build(self, full: bool) -> None:
        result = self.project.dbt("build", *(["--full-refresh"] if full else []))
        assert (result.returncode == 0) is not self._refused(), result.stdout
        if not self._refused():
            self._publish()

    @rule(moment=st.sampled_from(["START sql incremental", "START sql table", "START test"]))
    def build_is_killed(self, moment: str) -> None:
        build = self.mesh.start(DBT, "--no-use-colors", "build", **self.project.variables)
        assert build.stdout is not None
        for line in build.stdout:
            if moment in line:
                build.send_signal(signal.SIGKILL)
                break
        build.communicate(timeout=120)
        # It may have come to its end before the signal.
        if self._seen() != self.published[-1] and not self._refused():
            self._publish()

    @precondition(lambda self: len(self.published) > 2)
    @rule()
    def roll_back(self) -> None:
        result = self.mesh.lake("rollback", "produto", "previous", **self.project.variables)
        if result.returncode:
            # Going back twice goes back by two, as far as there are states: the oldest stands last.
            assert result.stderr.rstrip().endswith("(current)"), result.stderr
            return
        self.published.append(self._seen())
        assert self._seen() in self.published[:-1]

    @rule()
    def widen(self) -> None:
        self.type = 1
        self._write()

    @invariant()
    def readers_see_the_last_published_state(self) -> None:
        assert self._seen() == self.published[-1]

    def _seen(self) -> Rows:
        tables = [row[1] for row in self.mesh.query("show tables in ouro")]
        if "produto" not in tables:
            return {}
        return dict(self.mesh.query("select id, valor from ouro.produto"))


@pytest.fixture
def rounds(project: Project) -> Iterator[type[Rounds]]:
    project.write("models/ouro/total.sql", DOWNSTREAM)
    project.write("tests/nao_negativo.sql", "select * from {{ ref('produto') }} where valor < 0")
    _project.append(project)
    yield Rounds
    _project.clear()


@pytest.mark.timeout(7200)
def test_readers_see_a_full_rebuild_of_a_published_state(rounds: type[Rounds]) -> None:
    run_state_machine_as_test(
        rounds,
        settings=settings(
            max_examples=max(1, ROUNDS // STEPS),
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
