"""The Thrift Server dies in mid-traffic."""

import os
import signal
from pathlib import Path
from typing import Any

from stack.supervision import Supervisor
from tests.api.running import running
from tests.api.test_products import PATH, ROWS, create, in_memory, rows_of
from tests.mesh import Mesh, eventually


def test_small_products_go_on_and_others_come_back_without_a_restart(
    fresh: Mesh, parsed_manifest: dict[str, Any], tmp_path: Path
) -> None:
    create(fresh)
    nothing_kept = {"API_TIER_ROWS": "0", "API_CACHE_MB": "0"}
    with (
        running(tmp_path / "memory", parsed_manifest) as memory,
        running(tmp_path / "spark", parsed_manifest, **nothing_kept) as spark,
    ):
        in_memory(memory, PATH)
        assert rows_of(spark.get(PATH)) == ROWS
        os.kill(Supervisor(fresh.settings).states()["thrift"].pid, signal.SIGKILL)
        refused = spark.get(PATH)
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"] == "5"
        # A question that nobody has asked before, so that no cache has its answer.
        assert rows_of(memory.get(PATH, pedido_id__ne=-4711)) == ROWS
        eventually(lambda: spark.get(PATH).status_code == 200, seconds=120)
        assert rows_of(spark.get(PATH)) == ROWS
    fresh.up()
