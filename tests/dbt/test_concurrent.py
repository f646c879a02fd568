"""Builds beside each other, and builds that are cut: no lock stays, and no row is lost."""

import signal
import subprocess

import pytest

from tests.dbt.project import Project
from tests.mesh import DBT

MODEL = "{{ config(materialized='table') }} select id, valor from {{ source('bronze', 'venda') }}"
TWO = [(1, 10.0), (2, 20.0)]


@pytest.fixture
def shop(project: Project) -> Project:
    """Two domains, each with a product of its own."""
    for domain in ("frutas", "verduras"):
        project.write(f"models/ouro/{domain}/{domain}.sql", MODEL)
        project.write(
            f"models/ouro/{domain}/{domain}.yml",
            f"models: [{{name: {domain}, columns: [{{name: id, data_tests: [unique]}}]}}]",
        )
    project.build()
    project.mesh.query("insert into bronze.venda values (3, 30, date'2026-01-03')")
    return project


def start(project: Project, *arguments: str, target: str) -> subprocess.Popen[str]:
    variables = project.variables | {"DBT_TARGET_PATH": str(project.folder / target)}
    return project.mesh.start(DBT, "--no-use-colors", "build", *arguments, **variables)


def wait_for(build: subprocess.Popen[str], text: str) -> str:
    """Read what a build prints until a text is in a line."""
    assert build.stdout is not None
    shown = ""
    for line in build.stdout:
        shown += line
        if text in line:
            return shown
    raise AssertionError(shown)


def numbers(project: Project, table: str) -> list[int]:
    return [row[0] for row in project.rows(table)]


def test_domains_build_side_by_side(shop: Project) -> None:
    builds = {
        domain: start(shop, "--select", domain, target=f"target/{domain}")
        for domain in ("frutas", "verduras")
    }
    for domain, build in builds.items():
        shown = build.communicate(timeout=300)[0]
        assert build.returncode == 0, shown
        assert f"Published: ouro.{domain}" in shown
        assert numbers(shop, f"ouro.{domain}") == [1, 2, 3]


def test_of_two_builds_of_a_table_each_is_published_or_says_to_run_again(shop: Project) -> None:
    builds = [start(shop, "--select", "frutas", target=f"target/{n}") for n in range(2)]
    shown = [build.communicate(timeout=300)[0] for build in builds]
    codes = [build.returncode for build in builds]
    assert 0 in codes, shown
    reasons = {
        1: "ouro.frutas: another build wrote it at the same moment: run dbt build again",
        2: "ouro.frutas: another build has published it meanwhile: run dbt build again",
    }
    for code, text in zip(codes, shown, strict=True):
        assert code == 0 or reasons[code] in text, text
    assert numbers(shop, "ouro.frutas") == [1, 2, 3]
    shop.build()
    assert shop.branches("ouro.frutas") == []


def test_what_moved_main_during_a_build_is_not_overwritten(shop: Project) -> None:
    # A test that takes as long as the delete needs.
    slow = "id = 3 and reflect('java.lang.Thread', 'sleep', bigint(10000)) = 'x'"
    shop.write("tests/lento.sql", f"select id from {{{{ ref('frutas') }}}} where {slow}")
    build = start(shop, "--select", "frutas", target="target/moved")
    shown = wait_for(build, "START test lento")
    shop.mesh.query("delete from ouro.frutas where id = 1")
    shown += build.communicate(timeout=300)[0]
    assert build.returncode == 2, shown
    assert "another build has published it meanwhile: run dbt build again" in shown
    assert numbers(shop, "ouro.frutas") == [2]
    shop.remove("tests/lento.sql")
    shop.build()
    assert numbers(shop, "ouro.frutas") == [1, 2, 3]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_build_that_is_cut_keeps_nobody_from_building(
    shop: Project, number: signal.Signals
) -> None:
    build = start(shop, target="target/cut")
    wait_for(build, "START sql table model")
    build.send_signal(number)
    shown = build.communicate(timeout=120)[0]
    assert build.returncode != 0, shown
    assert numbers(shop, "ouro.frutas") == [1, 2]
    shop.build()
    for domain in ("frutas", "verduras"):
        assert numbers(shop, f"ouro.{domain}") == [1, 2, 3]
        assert shop.branches(f"ouro.{domain}") == []


def test_interrupt_ends_the_statement_that_runs(shop: Project) -> None:
    slow = "reflect('java.lang.Thread', 'sleep', bigint(60000))"
    shop.write(
        "models/ouro/lento.sql", f"select {slow} as x from {{{{ source('bronze', 'venda') }}}}"
    )
    build = start(shop, "--select", "lento", target="target/slow")
    wait_for(build, "START sql table model")
    build.send_signal(signal.SIGINT)
    shown = build.communicate(timeout=45)[0]
    assert build.returncode != 0
    assert "CANCEL query model.malha.lento" in shown
