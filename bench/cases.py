"""What the API benchmark asks: one table of questions, with the request of each system.

The SQL of a question is asked of a reference, so that every answer can be checked, and of bare
PyHive. It is both DuckDB's and Spark's.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from bench.errors import BenchmarkError
from bench.load import Request

_SQL = "select pedido_id, cliente_id, nome, valor from ouro.cliente_pedido"
_MALHA = "/api/cliente-pedido"
_ROAPI = "/api/tables/cliente_pedido"
_ORIGINAL = "/api/cliente_pedido"

_RANGE = Decimal(5000)
"""Width of a range of values: about one order in a hundred."""


CASES = (
    "first page",
    "one client",
    "range sorted",
    "aggregate",
    "export json",
    "export csv",
    "export arrow",
    "conditional",
    "cold",
)


class Form(StrEnum):
    """How an answer is read."""

    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"


@dataclass(frozen=True)
class Question:
    """One thing that is asked, in SQL and of each system that can be asked it."""

    sql: str
    malha: Request | None = None
    roapi: Request | None = None
    original: Request | None = None

    def request(self, system: str) -> Request | None:
        """The request that asks it of a system."""
        found: Request | None = getattr(self, system, None)
        return found


@dataclass(frozen=True)
class Case:
    """A row of the benchmark."""

    name: str
    questions: list[Question]
    form: Form = Form.JSON
    whole: bool = False
    """Whether the answer is the whole product."""
    conditional: bool = False
    """Whether each is asked with the ETag of its answer, to be told that nothing changed."""
    cold: bool = False
    """Whether malha answers it through Spark alone."""

    def asked_of(self, system: str) -> bool:
        """Whether the system is asked at all."""
        if system == "pyhive":
            return self.cold
        return self.questions[0].request(system) is not None


@dataclass(frozen=True)
class Facts:
    """What the questions are made from."""

    clients: Sequence[int]
    """Those with orders."""
    least: Decimal
    greatest: Decimal
    """Of the orders' values."""


def cases(facts: Facts, most: int = 50_000, seed: int = 1) -> list[Case]:
    """All cases; those of one client or range have up to `most` random questions, all different.

    The same facts and seed give the same questions.
    """
    chance = random.Random(seed)  # noqa: S311
    clients = chance.sample(facts.clients, min(most, len(facts.clients)))
    ranges = [_range(low) for low in _lows(facts, most // 2, chance)]
    cold = [_cold(low) for low in _lows(facts, 1000, chance)]
    return [
        Case("first page", [_first_page()]),
        Case("one client", [_one_client(client) for client in clients]),
        Case("range sorted", ranges),
        Case("aggregate", [_aggregate()]),
        Case("export json", [_export(Form.JSON, "application/json")], Form.JSON, whole=True),
        Case("export csv", [_export(Form.CSV, "application/csv")], Form.CSV, whole=True),
        Case(
            "export arrow",
            [_export(Form.ARROW, "application/vnd.apache.arrow.stream")],
            Form.ARROW,
            whole=True,
        ),
        Case("conditional", [_conditional()], conditional=True),
        Case("cold", cold, cold=True),
    ]


def chosen(known: Sequence[str], wanted: str, what: str) -> list[str]:
    """The names in a comma-separated list, or all where it is empty; in their own order.

    Raises:
        BenchmarkError: there is no such name.
    """
    names = {name.strip() for name in wanted.split(",") if name.strip()}
    if unknown := names - set(known):
        raise BenchmarkError(
            f"there is no {what} {', '.join(sorted(unknown))}: choose of {', '.join(known)}"
        )
    return [name for name in known if not names or name in names]


def _lows(facts: Facts, count: int, chance: random.Random) -> list[Decimal]:
    """Lower ends of ranges, in cents."""
    cents = range(int(facts.least * 100), int((facts.greatest - _RANGE) * 100))
    return [Decimal(low) / 100 for low in chance.sample(cents, min(count, len(cents)))]


def _first_page() -> Question:
    return Question(
        sql=f"{_SQL} order by pedido_id limit 10",
        malha=Request(f"{_MALHA}?limit=10"),
        # Its rows are in the order of its file, which is that of the key.
        roapi=Request(f"{_ROAPI}?limit=10"),
        original=Request(f"{_ORIGINAL}?limit=10"),
    )


def _one_client(client: int) -> Question:
    return Question(
        sql=f"{_SQL} where cliente_id = {client} order by pedido_id",
        malha=Request(f"{_MALHA}/{client}?limit=10000"),
        roapi=Request(f"{_ROAPI}?filter[cliente_id]={client}&sort=pedido_id"),
        original=Request(f"{_ORIGINAL}/{client}"),
    )


def _range_sql(low: Decimal, high: Decimal) -> str:
    return (
        f"{_SQL} where valor >= {low:.2f} and valor <= {high:.2f} "
        "order by valor desc, pedido_id limit 100"
    )


def _range(low: Decimal) -> Question:
    high = low + _RANGE
    return Question(
        sql=_range_sql(low, high),
        malha=Request(
            f"{_MALHA}?valor.gte={low:.2f}&valor.lte={high:.2f}&sort=-valor,pedido_id&limit=100"
        ),
        roapi=Request(
            f"{_ROAPI}?filter[valor]gte={low:.2f}&filter[valor]lte={high:.2f}"
            "&sort=-valor,pedido_id&limit=100"
        ),
        original=Request(f"{_ORIGINAL}?valor_min={low:.2f}&valor_max={high:.2f}&limit=100"),
    )


def _aggregate() -> Question:
    sql = (
        "select cliente_id, count(*) as pedidos, sum(valor) as total, avg(valor) as media "
        "from ouro.cliente_pedido group by cliente_id order by cliente_id limit 100"
    )
    return Question(
        sql=sql,
        malha=Request(
            f"{_MALHA}?group_by=cliente_id&aggregate=count,sum.valor,avg.valor&limit=100"
        ),
        # It has no aggregates but in SQL, and no schemas.
        roapi=Request("/api/sql", "POST", sql.replace("ouro.", "")),
        original=Request(f"{_ORIGINAL}/por_cliente?limit=100"),
    )


def _export(form: Form, media_type: str) -> Question:
    return Question(
        sql=f"{_SQL} order by pedido_id",
        malha=Request(f"{_MALHA}?limit=all&format={form.value}"),
        roapi=Request(_ROAPI, headers={"Accept": media_type}),
        original=Request(_ORIGINAL) if form is Form.JSON else None,
    )


def _conditional() -> Question:
    return Question(sql=_first_page().sql, malha=_first_page().malha)


def _cold(low: Decimal) -> Question:
    asked = _range(low)
    return Question(sql=asked.sql, malha=asked.malha)
