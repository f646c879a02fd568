"""Starting, stopping and crashing the stack, as a user would."""

import os
import re
import shutil
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from stack.supervision import Supervisor
from tests.mesh import Mesh, eventually, ok, own_environment, refused

SERVICES = ("s3", "metastore", "thrift", "api")


@pytest.fixture
def served(built: Mesh) -> Iterator[Mesh]:
    """The mesh with the smallest case served; up again in the end."""
    eventually(lambda: answers(built), seconds=30)
    yield built
    built.up()


def pids(mesh: Mesh) -> dict[str, int]:
    return {name: state.pid for name, state in Supervisor(mesh.settings).states().items()}


def answers(mesh: Mesh) -> bool:
    answer = mesh.get("/api/cliente-pedido")
    assert answer.status_code in (200, 503), answer.text
    return answer.status_code == 200 and len(answer.json()) == 3


def test_up_again_changes_nothing(mesh: Mesh) -> None:
    before = pids(mesh)
    mesh.up()
    assert pids(mesh) == before


def test_status_shows_every_service_healthy(mesh: Mesh) -> None:
    def healthy() -> bool:
        shown = ok(mesh.stack("status"))
        return all(re.search(rf"│ {name} +│ running .*│ ok ", shown) for name in SERVICES)

    # Another test may have restarted one just now.
    eventually(healthy, seconds=60)


def test_logs_show_what_services_wrote(mesh: Mesh) -> None:
    assert "Uvicorn running" in ok(mesh.tour("logs", "api", "--lines", "100000"))
    assert "s3, metastore, thrift, api" in refused(mesh.stack("logs", "spark"))


def test_credentials_are_random_and_private(mesh: Mesh) -> None:
    for name in ("credentials.env", "s3-identities.json"):
        assert stat.S_IMODE((mesh.folder / name).stat().st_mode) == 0o600
    settings = mesh.settings
    assert len(settings.aws_secret_access_key) >= 40
    for service in Supervisor(settings).states().values():
        arguments = " ".join(psutil.Process(service.pid).cmdline())
        assert settings.aws_secret_access_key not in arguments


def test_everything_listens_on_loopback_only(mesh: Mesh) -> None:
    for pid in pids(mesh).values():
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    assert connection.laddr[0] in ("127.0.0.1", "::ffff:127.0.0.1")


@pytest.mark.parametrize("name", ["metastore", "s3", "api"])
def test_killed_service_comes_back_and_the_api_answers_again(served: Mesh, name: str) -> None:
    before = pids(served)
    os.kill(before[name], signal.SIGKILL)
    eventually(lambda: pids(served)[name] not in (0, before[name]), seconds=60)
    if name != "api":
        eventually(lambda: answers(served), seconds=90)
        assert pids(served)["api"] == before["api"]
    served.up()
    assert answers(served)


def test_killed_thrift_server_comes_back_and_requests_meanwhile_are_problems_or_answers(
    served: Mesh,
) -> None:
    before = pids(served)
    os.kill(before["thrift"], signal.SIGKILL)
    # What is in memory is answered; tests/api/test_outages.py has the rest.
    answers(served)
    assert served.get("/health/live").status_code == 200
    eventually(lambda: served.get("/health/ready").status_code == 503, seconds=30)
    eventually(lambda: pids(served)["thrift"] not in (0, before["thrift"]), seconds=60)
    eventually(lambda: served.get("/health/ready").status_code == 200, seconds=90)
    assert pids(served)["api"] == before["api"]
    assert answers(served)


def test_kill_of_everything_loses_nothing(served: Mesh) -> None:
    supervisor = int((served.folder / "supervisord.pid").read_text())
    victims = [supervisor, *pids(served).values()]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    served.up()
    eventually(lambda: answers(served), seconds=30)
    assert served.count("bronze.pedido") == 3


def test_services_without_their_supervisor_are_taken_over(served: Mesh) -> None:
    before = pids(served)
    os.kill(int((served.folder / "supervisord.pid").read_text()), signal.SIGKILL)
    served.up()
    assert not set(pids(served).values()) & set(before.values())
    eventually(lambda: answers(served), seconds=30)


def test_restart_of_one_service_leaves_the_others(served: Mesh) -> None:
    before = pids(served)
    ok(served.stack("restart", "api"))
    after = pids(served)
    assert after["api"] != before["api"]
    assert {n: p for n, p in after.items() if n != "api"} == {
        n: p for n, p in before.items() if n != "api"
    }


def runs(supervisor: Supervisor, service: str) -> bool:
    return supervisor.alive() and supervisor.states()[service].running


@pytest.fixture
def other(mesh: Mesh) -> Iterator[dict[str, str]]:
    """Variables of a second stack, which is removed at the end whatever became of it."""
    environment = own_environment()
    yield environment
    mesh.stack("clean", **environment)
    shutil.rmtree(environment["STACK_DIR"], ignore_errors=True)


def processes_of(folder: str) -> list[psutil.Process]:
    """Processes that were started for a stack in this folder, this test's commands aside."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("STACK_DIR") == folder and process.pid != os.getpid():
            found.append(process)
    return found


def test_port_in_use_is_named_and_nothing_is_left_running(
    mesh: Mesh, other: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", int(other["API_PORT"]))):
        message = refused(mesh.stack("up", **other))
    assert f"port {other['API_PORT']} (API_PORT) cannot be used: " in message
    assert f"(pid {os.getpid()}) has it" in message
    assert "make up API_PORT=" in message
    assert processes_of(other["STACK_DIR"]) == []


def test_service_that_does_not_start_is_named_and_the_others_are_stopped(
    mesh: Mesh, other: dict[str, str]
) -> None:
    message = refused(mesh.stack("up", **other, METASTORE_MEMORY="1k"))
    assert "metastore does not stay up. The end of " in message
    assert "Too small" in message
    assert processes_of(other["STACK_DIR"]) == []


def test_interrupted_start_leaves_nothing_running(mesh: Mesh, other: dict[str, str]) -> None:
    supervisor = Supervisor(
        mesh.settings.model_copy(update={"stack_dir": Path(other["STACK_DIR"])})
    )
    # Each start goes on from what the one before has left.
    for service in ("s3", "metastore", "thrift"):
        process = mesh.start(sys.executable, "-m", "stack", "up", **other)
        eventually(partial(runs, supervisor, service), seconds=60)
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=60)
        assert process.returncode == 130, shown
        assert "Traceback" not in shown
        assert processes_of(other["STACK_DIR"]) == []
    ok(mesh.stack("up", **other))
    ok(mesh.stack("clean", **other))
    assert processes_of(other["STACK_DIR"]) == []


def test_commands_on_a_stack_that_does_not_run_say_so(mesh: Mesh, other: dict[str, str]) -> None:
    ok(mesh.stack("down", **other))
    result = mesh.stack("status", **other)
    assert (result.returncode, result.stdout.count("stopped")) == (1, 4)
    assert "make up" in refused(mesh.stack("logs", **other))
    assert "make up" in refused(mesh.stack("restart", "api", **other))
    assert "make up" in refused(mesh.stack("demo", **other))
    assert "make up" in refused(mesh.stack("land", "data/samples/minimo", **other))
    assert "choose one of minimo, varejo" in refused(mesh.stack("demo", "--samples", "atacado"))


def test_folder_that_is_no_stack_is_not_removed(mesh: Mesh, other: dict[str, str]) -> None:
    assert "may not be a stack's folder" in refused(mesh.stack("clean", **other))
    assert Path(other["STACK_DIR"]).is_dir()
