"""The run of the API benchmark: one stack, every system in turn, answers checked, then timed."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pyarrow.parquet
from pyiceberg.catalog.hive import HiveCatalog

from bench import bare, load, servers
from bench.answers import SCHEMA, Reference, compare, compare_tables, plain, rows_of, table_of
from bench.cases import Case, cases
from bench.data import Delivery
from bench.errors import BenchmarkError
from bench.load import Load, Request, Timing
from bench.memory import PeakMemory
from bench.outcomes import Found, Outcome, Plan
from bench.own_stack import Report, check_ouro, fill, own_stack, restarted
from bench.servers import Answered, Server
from malha.settings import Settings
from stack.supervision import Supervisor

_CHECKED = 3
"""So many questions of a case are checked before the others are timed."""
_WARM_UP_S = 2

_TURNS = 4
"""So often each system is asked what is cold."""


def measure(base: Delivery, folder: Path, planned: Plan, report: Report) -> Found:
    """Run all that is planned, on a fresh stack.

    A case that a system refuses or answers wrongly is a failure in what is found; the others go
    on.

    Raises:
        BenchmarkError: the product could not be made.
    """
    with servers.trivial() as server:
        found = Found(base.orders, *_ceiling(server))
    with own_stack(report, servers.UNLIMITED) as settings:
        fill(base, settings, report)
        check_ouro("the pipeline", "ouro.cliente_pedido", base, settings)
        parquet = folder / "cliente_pedido.parquet"
        _copy(settings, parquet)
        reference = Reference(parquet)
        run = _Run(planned, reference, found, report)
        asked = [case for case in cases(reference.facts()) if case.name in planned.cases]
        run.system("malha", nullcontext(servers.malha(settings)), asked)
        run.system("roapi", servers.roapi(parquet), asked)
        run.system("original", servers.original(parquet), asked)
        cold = [case for case in asked if case.cold]
        if cold and {"malha", "pyhive"} & set(planned.systems):
            settings = restarted(servers.COLD, report)
            for case in cold:
                run.cold(case, settings)
    return found


def _ceiling(server: Server) -> tuple[float, float]:
    """Answers a second and MiB a second of the load client itself."""
    small = load.run(Load(server.port, [Request("/")], {}, seconds=3))
    large = load.run(Load(server.port, [Request("/large")], {}, seconds=3))
    return small.rps, large.bytes / large.seconds / (1 << 20)


def _copy(settings: Settings, parquet: Path) -> None:
    """Write ouro's rows to a file, in the order of the key."""
    store = {
        "s3.endpoint": settings.s3_endpoint,
        "s3.access-key-id": settings.aws_access_key_id,
        "s3.secret-access-key": settings.aws_secret_access_key,
        "s3.region": settings.aws_region,
    }
    catalog = HiveCatalog("mesh", uri=settings.metastore_uri, **store)
    rows = catalog.load_table("ouro.cliente_pedido").scan().to_arrow()
    rows = rows.select(SCHEMA.names).cast(SCHEMA).sort_by("pedido_id")
    pyarrow.parquet.write_table(rows, parquet)


@dataclass(frozen=True)
class _Turn:
    """What one system did for a while."""

    timing: Timing
    mib: int

    def __add__(self, other: "_Turn") -> "_Turn":
        return _Turn(self.timing + other.timing, max(self.mib, other.mib))


class _Run:
    """Checks and times what a system is asked."""

    def __init__(self, planned: Plan, reference: Reference, found: Found, report: Report) -> None:
        self._plan = planned
        self._reference = reference
        self._found = found
        self._report = report

    def system(
        self, name: str, serving: AbstractContextManager[Server], asked: Sequence[Case]
    ) -> None:
        """Every case that a system can be asked, but the cold ones."""
        asked = [case for case in asked if not case.cold and case.asked_of(name)]
        if name not in self._plan.systems or not asked:
            return
        try:
            with serving as server:
                for case in asked:
                    if turn := self._attempt(case, server, partial(self._timing, server, case)):
                        self._record(case, name, turn)
        except BenchmarkError as error:
            self._found.failures.append(f"{name}: {error}")

    def cold(self, case: Case, settings: Settings) -> None:
        """A case by turns: the Thrift Server's JVM grows faster with every query, whoever asks."""
        malha = servers.malha(settings)
        thrift = Supervisor(settings).states()["thrift"].pid
        bare = Server("pyhive", settings.thrift_port, thrift)
        order = [server for server in (malha, bare) if server.system in self._plan.systems]
        turns: dict[str, _Turn] = {}
        parts = [case.questions[start :: 2 * _TURNS] for start in range(2 * _TURNS)]
        for _ in range(_TURNS):
            for server in order:
                part = replace(case, questions=parts.pop())
                timing = self._timing if server is malha else self._timing_of_bare
                turn = self._attempt(case, server, partial(timing, server, part))
                if turn is None:
                    return
                before = turns.get(server.system)
                turns[server.system] = before + turn if before else turn
            order.reverse()
        for name, turn in turns.items():
            self._record(case, name, turn)

    def _attempt(self, case: Case, server: Server, measure: Callable[[], Timing]) -> "_Turn | None":
        try:
            with PeakMemory(server.pid) as memory:
                timing = measure()
        except BenchmarkError as error:
            self._found.failures.append(f"{case.name}, {server.system}: {error}")
            return None
        self._report(f"{case.name}, {server.system}: {timing.answers} answers", timing.seconds)
        return _Turn(timing, memory.mib)

    def _record(self, case: Case, system: str, turn: "_Turn") -> None:
        timing = turn.timing
        self._found.outcomes.append(
            Outcome(
                case.name,
                system,
                round(timing.rps, 2),
                timing.percentile(0.5),
                timing.percentile(0.99),
                turn.mib,
            )
        )

    def _timing(self, server: Server, case: Case) -> Timing:
        requests = [request for one in case.questions if (request := one.request(server.system))]
        headers = dict(server.headers)
        for question, request in zip(case.questions[:_CHECKED], requests, strict=False):
            answered = servers.ask(server, request)
            self._check(case, question.sql, answered)
            if case.conditional:
                if not answered.etag:
                    raise BenchmarkError("the answer has no ETag")
                headers["If-None-Match"] = answered.etag
        repeated = len(case.questions) == 1
        return load.run(
            Load(
                server.port,
                requests if repeated else requests[_CHECKED:],
                headers,
                status=HTTPStatus.NOT_MODIFIED if case.conditional else HTTPStatus.OK,
                # The answer that was checked has warmed it up.
                warm_up_s=0 if case.whole else _WARM_UP_S,
                seconds=self._plan.seconds,
                repeat=repeated,
            )
        )

    def _check(self, case: Case, sql: str, answered: Answered) -> None:
        if answered.status != HTTPStatus.OK:
            text = answered.body[:500].decode(errors="replace")
            raise BenchmarkError(f"status {answered.status}: {text}")
        if case.whole:
            compare_tables(table_of(answered.body, case.form), self._reference.table(sql))
        else:
            compare(rows_of(answered.body), self._reference.rows(sql))

    def _timing_of_bare(self, server: Server, case: Case) -> Timing:
        host, port = "127.0.0.1", server.port
        statements = [question.sql for question in case.questions]
        for statement in statements[:_CHECKED]:
            compare(plain(bare.fetch(host, port, statement)), self._reference.rows(statement))
        queries = bare.Queries(
            host, port, statements[_CHECKED:], warm_up_s=_WARM_UP_S, seconds=self._plan.seconds
        )
        return bare.run(queries)
