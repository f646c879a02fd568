"""The audit log: a line of JSON for each access, on the logger `malha.audit`."""

import io
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path

import msgspec

from api.caller import Caller
from api.metrics import AUDIT_LOST
from malha.settings import Settings

log = logging.getLogger("malha.api")
audit_log = logging.getLogger("malha.audit")

_encode = msgspec.json.Encoder().encode


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who read what, when, and what came of it. It has no secret and no value of a row."""

    request_id: str
    caller: str
    """The key's id or the token's subject; empty for somebody anonymous."""
    name: str
    """The key's name."""
    kind: str
    method: str
    product: str
    columns: Sequence[str] = ()
    """Those that were shown, filtered, sorted, grouped or aggregated by."""
    rows: int | None = None
    """How many were sent; None where the answer has no rows."""
    snapshot: int | None = None
    """Of the table, as Iceberg numbers it."""
    status: int
    ms: float
    """From the request to the end of the answer."""
    address: str
    """The client's."""
    time: str = field(default_factory=_now)
    """When the answer was complete: ISO 8601, in UTC."""


def access(
    caller: Caller | None,
    *,
    request_id: str,
    method: str,
    product: str,
    status: int,
    ms: float,
    address: str,
    columns: Sequence[str] = (),
    rows: int | None = None,
    snapshot: int | None = None,
) -> Access:
    """What is noted of a request; None is a caller whose credential was refused."""
    return Access(
        request_id=request_id,
        caller=caller.id if caller else "",
        name=caller.name if caller else "",
        kind=caller.kind if caller else "refused",
        method=method,
        product=product,
        columns=columns,
        rows=rows,
        snapshot=snapshot,
        status=status,
        ms=round(ms, 3),
        address=address,
    )


def record(entry: Access) -> None:
    """Note an access. Whatever happens to the log, the request goes on."""
    audit_log.info("%s", _encode(entry).decode())


def problem() -> str | None:
    """Why accesses are not noted at the moment; None while all is well. For readiness."""
    losing = any(isinstance(one, _Reporting) and one.losing for one in audit_log.handlers)
    return "lines are lost; the server's log says why" if losing else None


def install(settings: Settings) -> None:
    """Send what is noted to where API_AUDIT_LOG says; again, it replaces what was there."""
    for handler in list(audit_log.handlers):
        if isinstance(handler, _Reporting):
            audit_log.removeHandler(handler)
            handler.close()
    audit_log.setLevel(logging.INFO)
    audit_log.propagate = False
    path = settings.audit_log_path
    audit_log.addHandler(_StandardOutput() if path is None else _LineFile(path))


class _Reporting(logging.Handler):
    """Says once that lines are lost, and once that they are not any more."""

    place = "standard output"
    losing = False

    def handleError(self, record: logging.LogRecord) -> None:
        AUDIT_LOST.inc()
        if not self.losing:
            self.losing = True
            error = sys.exception()
            log.error(
                "accesses cannot be noted in %s (%s): requests go on, their lines are lost; "
                "see API_AUDIT_LOG",
                self.place,
                error,
            )

    def written(self) -> None:
        """A line has been written."""
        if self.losing:
            self.losing = False
            log.warning("accesses are noted in %s again", self.place)


class _StandardOutput(_Reporting):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(record.getMessage() + "\n")
            sys.stdout.flush()
        except (OSError, ValueError):
            self.handleError(record)
        else:
            self.written()


class _LineFile(_Reporting, WatchedFileHandler):
    """A file that another one may take the place of, as logrotate does.

    A line is one `write` of its own, so that those of several processes do not mix, and nothing
    that could not be written stays in memory.
    """

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._torn = False
        super().__init__(path, delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage().encode() + b"\n"
        try:
            if self.stream is None:
                self.stream = self._open()
                self._statstream()
            else:
                self.reopenIfNeeded()
            whole = b"\n" + line if self._torn else line
            written = self.stream.buffer.raw.write(whole) or 0  # type: ignore[attr-defined]
            # A full disk may take half a line: the next one must not go on behind it.
            self._torn = written < len(whole)
            if self._torn:
                raise OSError(f"only {written} of {len(whole)} bytes were written")
        except OSError:
            self.handleError(record)
        else:
            self.written()

    def _open(self) -> io.TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        raw = io.FileIO(self.baseFilename, "a", opener=_private)
        return io.TextIOWrapper(io.BufferedWriter(raw))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
