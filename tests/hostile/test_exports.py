"""Whole products of millions of rows through Spark: complete, and in little memory."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from stack.supervision import Supervisor
from tests.api.running import Running, running
from tests.hostile.victim import MEMORY, process_of, watched
from tests.mesh import Mesh

ROWS = 4_000_000
AT_ONCE = 4
MOST_MB = 300


@pytest.fixture(scope="module")
def large(mesh: Mesh, parsed_manifest: dict[str, Any], tmp_path_factory: Any) -> Iterator[Running]:
    """An API with its own settings, and a product of four million rows that is not in memory."""
    mesh.execute(
        "create schema if not exists ouro",
        "drop table if exists ouro.cliente_pedido",
        "create table ouro.cliente_pedido (pedido_id bigint, cliente_id bigint, nome string, "
        "valor decimal(18,2)) using iceberg",
        "insert into ouro.cliente_pedido select id, id % 1000, concat('cliente ', id % 1000), "
        f"cast(id % 10000 as decimal(18,2)) from range({ROWS})",
    )
    folder: Path = tmp_path_factory.mktemp("hostile") / "large"
    with running(mesh, folder, copy.deepcopy(parsed_manifest)) as api:
        yield api
    mesh.query("drop table ouro.cliente_pedido purge")


def lines_of(api: Running, key: str) -> tuple[int, int]:
    """How many rows an export has, and the sum of its keys."""
    count = total = 0
    headers = {"X-API-Key": key}
    path = "/api/cliente-pedido?limit=all&format=csv&select=pedido_id"
    with httpx.stream("GET", api.url + path, headers=headers, timeout=600) as answer:
        assert answer.status_code == httpx.codes.OK
        for line in answer.iter_lines():
            if line != "pedido_id":
                count, total = count + 1, total + int(line)
    return count, total


@pytest.mark.timeout(1800)
def test_four_exports_of_millions_of_rows_are_whole_and_take_little_memory(
    mesh: Mesh, large: Running
) -> None:
    keys = [large.key_of("*") for _ in range(AT_ONCE)]
    expected = (ROWS, ROWS * (ROWS - 1) // 2)
    # Once before it is measured: a heap is filled before it is cleaned.
    assert lines_of(large, large.key) == expected
    thrift = psutil.Process(Supervisor(mesh.settings).states()["thrift"].pid)
    java = [one for one in [thrift, *thrift.children(recursive=True)] if "java" in one.name()]
    with watched(process_of(large), *java) as most:
        assert large.each(lambda key: lines_of(large, key), keys) == [expected] * AT_ONCE
    MEMORY.append(
        f"{AT_ONCE} exports of {ROWS:,} rows at once: the API took {most[0]} MB beyond idle, the "
        f"Thrift Server {max(most[1:])} MB"
    )
    assert max(most) <= MOST_MB
