"""The Thrift Server dies in mid-traffic."""

import os
import signal

from stack.supervision import Supervisor
from tests.api.conftest import Apis
from tests.api.orders import ROWS, ask_anew, await_rows, create, drop
from tests.api.running import rows_of
from tests.mesh import Mesh, eventually


def test_small_products_go_on_and_others_come_back_without_a_restart(
    mesh: Mesh, apis: Apis
) -> None:
    create(mesh)
    memory, spark = apis("tier"), apis("thrift")
    await_rows(memory)
    await_rows(spark)
    os.kill(Supervisor(mesh.settings).states()["thrift"].pid, signal.SIGKILL)
    try:
        refused = ask_anew(spark)
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"] == "5"
        assert rows_of(ask_anew(memory)) == ROWS
        eventually(lambda: ask_anew(spark).status_code == 200, seconds=240)
        assert rows_of(ask_anew(spark)) == ROWS
    finally:
        mesh.up()
    drop(mesh)
