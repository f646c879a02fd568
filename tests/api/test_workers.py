"""Background work goes on, whatever happens in it, and says what happened."""

import threading

import pytest
from prometheus_client import REGISTRY

from api import workers
from api.workers import Worker
from tests.mesh import eventually


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(workers, "_LONGEST_PAUSE_SECONDS", 0.01)


def errors(name: str) -> float:
    return REGISTRY.get_sample_value("malha_api_worker_errors_total", {"worker": name}) or 0


def test_work_that_fails_is_begun_again_counted_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fails, done = threading.Event(), threading.Event()
    fails.set()

    def step() -> None:
        if fails.is_set():
            raise KeyError("cliente_pedido")
        done.set()

    worker = Worker("sums", step)
    assert worker.problem is None
    before = errors("sums")
    worker.start()
    eventually(lambda: errors("sums") > before + 3, seconds=10)
    assert worker.problem == "fails; the server's log says why"
    assert "KeyError: 'cliente_pedido'" in caplog.text
    fails.clear()
    assert done.wait(10)
    eventually(lambda: worker.problem is None, seconds=10)
    worker.close(timeout=5)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_died_is_begun_again() -> None:
    dies, done = threading.Event(), threading.Event()
    dies.set()

    def step() -> None:
        if dies.is_set():
            raise SystemExit
        done.set()

    worker = Worker("mortal", step)
    worker.start()
    eventually(lambda: worker.problem == "died, and was begun again", seconds=10)
    dies.clear()
    eventually(lambda: worker.problem is None and done.is_set(), seconds=10)
    worker.close(timeout=5)


def test_work_that_is_over_is_no_problem() -> None:
    worker = Worker("short", lambda: None)
    worker.start()
    worker.close(timeout=5)
    assert worker.problem is None
