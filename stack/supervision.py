"""supervisord: runs the services in the background and restarts what crashes."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.xmlrpc import Faults, SupervisorTransport

from malha.settings import ROOT, Settings, child_environment
from stack.errors import StackError
from stack.services import Service

# Marks the processes of a stack; STACK_DIR beside it says of which.
_MARK = "MALHA_SERVICE"

_SOCKET_PATH_LIMIT = 100  # macOS takes 104 bytes, Linux 108


@dataclass(frozen=True)
class ProcessState:
    """What supervisord says of a service."""

    name: str
    state: str
    pid: int
    uptime: int
    """Seconds since it was started; 0 where it does not run."""

    @property
    def running(self) -> bool:
        """Whether it runs, or is being started again after a crash."""
        return self.state in ("STARTING", "RUNNING", "BACKOFF")

    @property
    def failed(self) -> bool:
        """Whether it will not be started again."""
        return self.state in ("FATAL", "STOPPED", "UNKNOWN")


class Supervisor:
    """The supervisord of one stack."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._socket = settings.stack_dir / "supervisor.sock"
        if len(os.fsencode(self._socket)) > _SOCKET_PATH_LIMIT:
            raise StackError(
                f"the path of {self._socket} is too long for a socket: "
                "set STACK_DIR to a shorter folder"
            )

    @property
    def _rpc(self) -> Any:
        # The transport keeps its connection, and a connection that once failed is of no use.
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def alive(self) -> bool:
        """Whether it answers."""
        try:
            self._rpc.getState()
        except (OSError, HTTPException, Fault):
            return False
        return True

    def launch(self, services: list[Service]) -> None:
        """Start supervisord, with every service known and none started."""
        config = self._settings.stack_dir / "supervisord.conf"
        config.write_text(_config(services, self._settings, self._socket))
        result = subprocess.run(
            [f"{sys.prefix}/bin/supervisord", "--configuration", str(config)],
            cwd=ROOT,
            env=child_environment(self._settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C in this terminal is not meant for it
        )
        if result.returncode or not _eventually(self.alive, seconds=10):
            raise StackError(f"supervisord did not start: {result.stdout.strip()}")

    def states(self) -> dict[str, ProcessState]:
        """What it says of each service."""
        return {
            info["name"]: ProcessState(
                name=info["name"],
                state=info["statename"],
                pid=info["pid"],
                uptime=info["now"] - info["start"] if info["pid"] else 0,
            )
            for info in self._rpc.getAllProcessInfo()
        }

    def start(self, name: str) -> None:
        """Start a service; return at once. Nothing happens where it is being started already."""
        try:
            self._rpc.startProcess(name, False)
        except Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise StackError(f"supervisord cannot start {name}: {fault.faultString}") from None

    def stop(self, name: str) -> None:
        """Stop a service and wait until it has ended."""
        try:
            self._rpc.stopProcess(name, True)
        except Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise

    def shutdown(self) -> None:
        """Stop what still runs, and supervisord itself."""
        pid = self._rpc.getPID()
        self._rpc.shutdown()
        try:
            psutil.Process(pid).wait(timeout=60)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            raise StackError(f"supervisord (pid {pid}) does not end") from None


def end_orphans(settings: Settings) -> list[str]:
    """End services of this stack whose supervisord was killed; return their names."""
    orphans = {}
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except psutil.Error:
            continue
        if environment.get("STACK_DIR") == str(settings.stack_dir) and _MARK in environment:
            orphans[process] = environment[_MARK]
            process.terminate()
    _, alive = psutil.wait_procs(orphans, timeout=20)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=10)
    return sorted(set(orphans.values()))


def log_path(settings: Settings, name: str) -> Path:
    """Where a service's output goes."""
    return settings.stack_dir / "logs" / f"{name}.log"


def _config(services: list[Service], settings: Settings, socket_path: Path) -> str:
    """The text of supervisord's configuration file."""
    sections = {
        "unix_http_server": {"file": str(socket_path), "chmod": "0600"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "supervisord": {
            "logfile": str(log_path(settings, "supervisord")),
            "logfile_maxbytes": "5MB",
            "logfile_backups": "1",
            "pidfile": str(settings.stack_dir / "supervisord.pid"),
        },
    }
    for service in services:
        variables = dict(service.environment) | {_MARK: service.name}
        sections[f"program:{service.name}"] = {
            "command": shlex.join(service.command),
            "environment": ",".join(f'{name}="{value}"' for name, value in variables.items()),
            "directory": str(ROOT),
            "autostart": "false",
            "autorestart": "true",
            "startsecs": "2",
            "startretries": "10",
            "stopwaitsecs": str(service.stop_within),
            "stopasgroup": "true",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": str(log_path(settings, service.name)),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": "3",
        }
    lines = []
    for title, section in sections.items():
        lines.append(f"[{title}]")
        lines.extend(f"{name} = {value.replace('%', '%%')}" for name, value in section.items())
    return "\n".join(lines) + "\n"


def _eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
