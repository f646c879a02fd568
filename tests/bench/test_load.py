"""The load client: where an answer ends, and what it counts."""

import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.errors import BenchmarkError
from bench.load import Answer, Load, Request, Timing, encode, run

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n1;name=value\r\n\n\r\n0\r\nTrailer: x\r\n\r\n"
)
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "status", "size"),
    [(PLAIN, 200, 5), (CHUNKED, 200, 6), (NOT_MODIFIED, 304, 0)],
    ids=["length", "chunks", "no body"],
)
@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_answer_ends_where_it_ends_however_it_is_cut(
    answer: bytes, status: int, size: int, step: int
) -> None:
    reader = Answer()
    pieces = [answer[place : place + step] for place in range(0, len(answer), step)]
    ends = [reader.feed(piece) for piece in pieces]
    assert ends == [False] * (len(pieces) - 1) + [True]
    assert (reader.status, reader.body, reader.closes) == (status, size, False)


def test_answer_without_length_ends_with_the_connection() -> None:
    reader = Answer()
    assert not reader.feed(b"HTTP/1.0 200 OK\r\n\r\nhel")
    assert not reader.feed(b"lo")
    assert reader.feed(b"")
    assert (reader.body, reader.closes) == (5, True)


def test_answer_that_is_cut_off_is_an_error() -> None:
    reader = Answer()
    reader.feed(PLAIN[:-1])
    with pytest.raises(BenchmarkError, match="hung up"):
        reader.feed(b"")


def test_request_has_the_headers_of_all_and_its_own() -> None:
    load = Load(80, [], {"Authorization": "Bearer x"})
    sent = encode(load, Request("/api/sql", "POST", "select 1", {"Accept": "text/csv"}))
    assert sent == (
        b"POST /api/sql HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer x\r\n"
        b"Accept: text/csv\r\nContent-Length: 8\r\n\r\nselect 1"
    )


def test_percentiles_are_laps_that_were_seen() -> None:
    found = Timing([float(lap) for lap in range(200, 0, -1)], 4, 10)
    assert (found.answers, found.percentile(0.5), found.percentile(0.99)) == (200, 100, 198)
    assert Timing([7.0], 1, 0).percentile(0.99) == 7
    with pytest.raises(BenchmarkError, match="no answer"):
        Timing([], 1, 0).percentile(0.5)


def test_timings_add_up() -> None:
    both = Timing([1.0, 2.0], 2, 10) + Timing([3.0], 1, 5)
    assert (both.laps_ms, both.rps, both.bytes) == ([1, 2, 3], 1, 15)


class Handler(BaseHTTPRequestHandler):
    """Answers each path once with 200, and any other time with 500."""

    protocol_version = "HTTP/1.1"
    asked: set[str]

    def do_GET(self) -> None:
        self.send_response(500 if self.path in self.asked else 200)
        self.asked.add(self.path)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Handler.asked = set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_load_asks_each_once_where_it_does_not_repeat(port: int) -> None:
    requests = [Request(f"/{number}") for number in range(50)]
    found = run(Load(port, requests, {}, warm_up_s=0, seconds=60, repeat=False))
    assert (found.answers, found.bytes) == (50, 100)
    assert Handler.asked == {request.target for request in requests}


def test_load_counts_nothing_of_the_warm_up(port: int) -> None:
    requests = [Request(f"/{number}") for number in range(20_000)]
    found = run(Load(port, requests, {}, warm_up_s=0.2, seconds=0.2, repeat=False))
    assert 0 < found.answers < len(Handler.asked)


def test_warm_up_leaves_most_questions_to_be_timed(port: int) -> None:
    requests = [Request(f"/{number}") for number in range(50)]
    found = run(Load(port, requests, {}, warm_up_s=60, seconds=60, repeat=False))
    assert found.answers == 40


def test_load_ends_with_another_status(port: int) -> None:
    with pytest.raises(BenchmarkError, match=r"the load of /same ended early.*status 500"):
        run(Load(port, list(itertools.repeat(Request("/same"), 2)), {}, seconds=1))


def test_load_counts_refusals_apart(port: int) -> None:
    requests = list(itertools.repeat(Request("/same"), 10))
    found = run(Load(port, requests, {}, refusals=(500,), warm_up_s=0, seconds=60, repeat=False))
    assert (found.answers, found.refused) == (1, 9)


def test_load_ends_where_nobody_listens() -> None:
    with pytest.raises(BenchmarkError, match="refused"):
        run(Load(1, [Request("/")], {}, seconds=1))
