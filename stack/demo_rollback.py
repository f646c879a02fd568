"""The tour that `make demo-rollback` gives: a product changes, goes back, and forward again."""

import json
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal

import httpx

from malha import s3
from malha.console import Console
from malha.settings import Settings
from stack import demo_key
from stack.demo import run, serve
from stack.errors import StackError

_PRODUCT = "cliente_pedido"
_ORDER = 1
"""The order that the delivery corrects."""

_RAISE = Decimal(50)

_SEEN_SECONDS = 10
"""The API serves what is published within about a second; this leaves room for a slow machine."""


def demo_rollback(settings: Settings, console: Console) -> None:
    """Correct an order, build, put the product back, and build forward again.

    Raises:
        StackError: the demo's data is not there, or a step failed.
    """
    url = f"{settings.api_url}/api/{_PRODUCT.replace('_', '-')}?limit=3"
    before = _order(url, settings)
    dbt = [f"{sys.prefix}/bin/dbt", "--quiet", "build"]
    lake = [sys.executable, "-m", "lake"]

    console.heading(f"as it is: {url}")
    serve(url, settings, console)
    value = Decimal(str(before["valor"])) + _RAISE
    console.heading(f"a delivery corrects order {_ORDER}: {before['valor']} becomes {value}")
    uri = _land(before["cliente_id"], value, settings)
    console.print(uri, markup=False, soft_wrap=True)
    run([sys.executable, "-m", "ingest", "pedido"], settings)
    run(dbt, settings)
    _await(url, value, settings)
    serve(url, settings, console)
    console.heading(f"make history PRODUCT={_PRODUCT}")
    run([*lake, "history", _PRODUCT], settings)
    console.heading(f"make rollback PRODUCT={_PRODUCT} TO=previous")
    run([*lake, "rollback", _PRODUCT, "previous"], settings)
    _await(url, Decimal(str(before["valor"])), settings)
    serve(url, settings, console)
    console.heading("forward again: dbt build")
    run(dbt, settings)
    _await(url, value, settings)
    serve(url, settings, console)


def _order(url: str, settings: Settings) -> dict[str, object]:
    try:
        answer = httpx.get(url, headers=demo_key.headers(settings), timeout=60)
        rows = json.loads(answer.text, parse_float=Decimal) if answer.is_success else []
    except (httpx.HTTPError, ValueError):
        rows = []
    for row in rows:
        if row["pedido_id"] == _ORDER:
            return dict(row)
    raise StackError(f"{url} does not serve order {_ORDER}: run `make demo` first")


def _await(url: str, value: Decimal, settings: Settings) -> None:
    """Wait until the API serves this value: it sees a new snapshot about a second later."""
    deadline = time.monotonic() + _SEEN_SECONDS
    while (served := Decimal(str(_order(url, settings)["valor"]))) != value:
        if time.monotonic() > deadline:
            raise StackError(f"order {_ORDER} has the value {served}, and {value} was to be seen")
        time.sleep(0.1)


def _land(cliente_id: object, value: Decimal, settings: Settings) -> str:
    """Land the order anew, in a file that sorts after all that landed before; return its URI."""
    bucket, prefix = s3.split_uri(settings.landing_uri)
    name = f"pedidos/pedido/pedido_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"
    body = f"pedido_id,cliente_id,valor\n{_ORDER},{cliente_id},{value}\n"
    with s3.reporting(settings):
        s3.client(settings).put_object(
            Bucket=bucket, Key=f"{prefix}/{name}".lstrip("/"), Body=body.encode()
        )
    return f"{settings.landing_uri}/{name}"
