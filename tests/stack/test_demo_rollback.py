import re

import httpx

from tests.mesh import Mesh, eventually, ok, refused


def test_product_changes_goes_back_and_forward_again(empty: Mesh) -> None:
    unbuilt = httpx.codes.SERVICE_UNAVAILABLE
    eventually(lambda: empty.get("/api/cliente-pedido").status_code == unbuilt, seconds=10)
    assert "run `make demo` first" in refused(empty.stack("demo-rollback"))
    empty.begin_built()
    shown = ok(empty.tour("demo-rollback"))
    values = re.findall(r'"pedido_id":1,.*"valor":([\d.]+)', shown)
    assert values == ["200.00", "250.00", "200.00", "250.00"]
    assert re.search(r"ouro\.cliente_pedido: snapshot \d+ → \d+ of \S+, 3 → 3 rows", shown)
