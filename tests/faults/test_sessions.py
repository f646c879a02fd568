"""Sessions that end take nothing from those that write: no error, and every row is there.

SESSION_SECONDS says for how long.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from malha import hive
from tests.mesh import Mesh

WRITERS, PASSERS_BY = 4, 8


@pytest.mark.timeout(3600)
def test_sessions_that_end_take_nothing_from_those_that_write(empty: Mesh) -> None:
    until = time.monotonic() + float(os.environ.get("SESSION_SECONDS", "15"))
    for number in range(WRITERS):
        empty.query(f"create table bronze.escrita_{number} (id int) using iceberg")

    def write(number: int) -> int:
        written = 0
        with closing(hive.connect(empty.settings, user=f"writer-{number}")) as connection:
            while time.monotonic() < until:
                cursor = connection.cursor()
                cursor.execute(f"insert into bronze.escrita_{number} values ({written})")
                written += 1
        return written

    def pass_by(number: int) -> int:
        sessions = 0
        while time.monotonic() < until:
            user = f"passer-by-{number}-{sessions}"
            with closing(hive.connect(empty.settings, user=user)) as connection:
                cursor = connection.cursor()
                cursor.execute(f"select count(*) from bronze.escrita_{number % WRITERS}")
                cursor.fetchall()
            sessions += 1
        return sessions

    with ThreadPoolExecutor(WRITERS + PASSERS_BY) as threads:
        writing = [threads.submit(write, number) for number in range(WRITERS)]
        passing = [threads.submit(pass_by, number) for number in range(PASSERS_BY)]
        written = [one.result() for one in writing]
        sessions = sum(one.result() for one in passing)
    print(f"{sum(written)} commits beside {sessions} sessions")  # noqa: T201
    assert sessions > 0
    for number, rows in enumerate(written):
        assert empty.count(f"bronze.escrita_{number}") == rows > 0
