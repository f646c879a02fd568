"""Starting and stopping the stack."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from malha.errors import UnreachableError
from malha.interrupt import Interrupt
from malha.project import ensure_manifest
from malha.settings import Settings, load
from stack import first_key, storage
from stack.errors import ServiceError, StackError
from stack.ports import check_free
from stack.services import Service, services
from stack.supervision import Supervisor, end_orphans, log_path

_HEALTHY_WITHIN = 180.0
"""Seconds that a service may take to become healthy."""

Report = Callable[[str, str], None]
"""Called with a service's name and what happens to it: `starting`, `ready` or `stopped`."""


def up(settings: Settings, report: Report) -> str | None:
    """Start what does not run yet, each service after those that it depends on are healthy.

    Where it fails or is interrupted, what it started is stopped again.

    Returns: the text of the API's first key, if this made it.

    Raises:
        Interrupted: the user asked to stop.
        PortInUseError: another process has a port of a service that would be started.
        ServiceError: a service stopped, or did not become healthy in time.
    """
    settings.stack_dir.mkdir(parents=True, exist_ok=True)
    settings.stack_dir.chmod(0o700)
    for folder in ("logs", "s3", "metastore"):
        (settings.stack_dir / folder).mkdir(exist_ok=True)
    interrupt = Interrupt("stopping what was started")
    with _exclusive(settings):
        storage.ensure_credentials(settings)
        made = first_key.ensure(settings)
        settings = load()  # with the credentials
        supervisor = Supervisor(settings)
        launched = not supervisor.alive()
        started: list[Service] = []
        try:
            ensure_manifest(settings)
            if launched:
                end_orphans(settings)
            running = set() if launched else _running(supervisor)
            missing = [s for s in services(settings) if s.name not in running]
            for service in missing:
                for port in service.ports:
                    check_free(port)
            if launched:
                supervisor.launch(services(settings))
            for service in services(settings):
                interrupt.check()
                if service in missing:
                    report(service.name, "starting")
                    if service.before:
                        service.before(settings)
                    started.append(service)
                    supervisor.start(service.name)
                _wait_healthy(service, supervisor, settings, interrupt, fresh=service in started)
                if service.after:
                    service.after(settings)
                report(service.name, "ready")
            interrupt.check()
        except BaseException:
            for service in reversed(started):
                supervisor.stop(service.name)
                report(service.name, "stopped")
            if launched and supervisor.alive():
                supervisor.shutdown()
            # Ctrl-C reaches schematool and dbt too: their failure is then not what is to be told.
            interrupt.check()
            raise
    return made


def down(settings: Settings, report: Report) -> None:
    """Stop the stack; its data stays. Nothing happens where it does not run."""
    if not settings.stack_dir.exists():
        return
    with _exclusive(settings):
        supervisor = Supervisor(settings)
        if supervisor.alive():
            running = _running(supervisor)
            for service in reversed(services(settings)):
                supervisor.stop(service.name)
                if service.name in running:
                    report(service.name, "stopped")
            supervisor.shutdown()
        for name in end_orphans(settings):
            report(name, "stopped")


def restart(settings: Settings, name: str, report: Report) -> None:
    """Stop and start one service, and wait until it is healthy.

    Raises:
        StackError: there is no such service, or the stack does not run.
    """
    known = {service.name: service for service in services(settings)}
    if name not in known:
        raise StackError(f"there is no service {name!r}: choose one of {', '.join(known)}")
    supervisor = Supervisor(settings)
    if not supervisor.alive():
        raise StackError("the stack does not run: start it with `make up`")
    interrupt = Interrupt("stopping; the service goes on starting")
    with _exclusive(settings):
        supervisor.stop(name)
        report(name, "starting")
        supervisor.start(name)
        _wait_healthy(known[name], supervisor, settings, interrupt, fresh=True)
        report(name, "ready")


def clean(settings: Settings, report: Report) -> bool:
    """Stop the stack and remove its data; return whether there was any.

    Raises:
        StackError: STACK_DIR is not the folder of a stack.
    """
    if not settings.stack_dir.exists():
        return False
    if not settings.credentials_path.exists():
        raise StackError(
            f"{settings.stack_dir} has no credentials.env, so it may not be a stack's folder: "
            "remove it yourself if it is"
        )
    down(settings, report)
    shutil.rmtree(settings.stack_dir)
    return True


def _running(supervisor: Supervisor) -> set[str]:
    return {name for name, process in supervisor.states().items() if process.running}


def _wait_healthy(
    service: Service,
    supervisor: Supervisor,
    settings: Settings,
    interrupt: Interrupt,
    *,
    fresh: bool,
) -> None:
    """Wait until a service does what it is for.

    A `fresh` one, started just now after all that it depends on, has no reason to crash; any other
    may be on its way back from a crash.
    """
    deadline = time.monotonic() + _HEALTHY_WITHIN
    while True:
        interrupt.check()
        try:
            service.check(settings)
        except UnreachableError as error:
            process = supervisor.states()[service.name]
            if process.failed or (fresh and process.state == "BACKOFF"):
                raise ServiceError(_obituary(service, settings)) from error
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{service.name} is not healthy after {_HEALTHY_WITHIN:g} s: {error}"
                ) from error
            time.sleep(0.2)
        else:
            return


def _obituary(service: Service, settings: Settings) -> str:
    log = log_path(settings, service.name)
    last = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
    return "\n".join([f"{service.name} does not stay up. The end of {log}:", *last])


@contextmanager
def _exclusive(settings: Settings) -> Iterator[None]:
    """Keep a second command on the same stack waiting until this one is done."""
    with (settings.stack_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
