"""Two domains build side by side and one is killed at a random moment: every row is there once.

BUILD_KILLS says how often, FAULT_SEED makes a run's choices again.
"""

import os
import random
import signal
import time

import pytest

from tests.dbt.project import Project
from tests.mesh import DBT, Mesh

DOMAINS = ("frutas", "verduras")
MODEL = """
{{{{ config(materialized='incremental', unique_key='id', incremental_strategy='append') }}}}
select id from {{{{ source('bronze', '{0}') }}}}
{{% if is_incremental() %}} where id > (select max(id) from {{{{ this }}}}) {{% endif %}}
"""


@pytest.fixture
def project(empty: Mesh) -> Project:
    project = Project.make(empty)
    tables = ", ".join(f"{{name: {domain}}}" for domain in DOMAINS)
    project.write("models/_sources.yml", f"sources: [{{name: bronze, tables: [{tables}]}}]")
    for domain in DOMAINS:
        empty.query(f"create table bronze.{domain} (id int) using iceberg")
        project.write(f"models/ouro/{domain}/{domain}.sql", MODEL.format(domain))
        project.write(
            f"models/ouro/{domain}/{domain}.yml",
            f"models: [{{name: {domain}, columns: [{{name: id, data_tests: [unique]}}]}}]",
        )
    return project


@pytest.mark.timeout(3600)
def test_every_row_is_there_once_after_kills_of_builds_side_by_side(project: Project) -> None:
    kills = int(os.environ.get("BUILD_KILLS", "2"))
    seed = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
    chance = random.Random(seed)  # noqa: S311 - choices, not secrets
    print(f"seed {seed}")  # noqa: T201
    landed = 0
    length = 10.0
    for _ in range(kills):
        landed += 3
        for domain in DOMAINS:
            rows = ", ".join(f"({number})" for number in range(landed - 2, landed + 1))
            project.mesh.query(f"insert into bronze.{domain} values {rows}")
        begun = time.monotonic()
        builds = {
            domain: project.mesh.start(
                DBT,
                *("build", "--select", domain),
                **project.variables | {"DBT_TARGET_PATH": str(project.folder / f"target/{domain}")},
            )
            for domain in DOMAINS
        }
        victim = chance.choice(DOMAINS)
        time.sleep(chance.uniform(0, length))
        builds[victim].send_signal(signal.SIGKILL)
        for domain, build in builds.items():
            shown = build.communicate(timeout=300)[0]
            if domain != victim:
                assert build.returncode == 0, shown
                length = time.monotonic() - begun
                assert numbers(project, domain) == list(range(1, landed + 1))
    project.build()
    for domain in DOMAINS:
        assert numbers(project, domain) == list(range(1, landed + 1))


def numbers(project: Project, domain: str) -> list[int]:
    return sorted(row[0] for row in project.rows(f"ouro.{domain}"))
