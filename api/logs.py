"""The API's log: text for people, JSON for machines; each line with the request that it is of."""

import logging
from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""Of the request that is being answered."""


class _WithRequest(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


def configuration(form: str) -> dict[str, Any]:
    """What `logging.config.dictConfig` takes.

    Args:
        form: `text` or `json`.
    """
    json = {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "format": "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s",
        "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
    }
    text = {"format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request": {"()": _WithRequest}},
        "formatters": {"json": json, "text": text},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["request"],
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "malha": {"level": "INFO"},
            "uvicorn": {"level": "INFO"},
            # The audit log has a line for each access; a second one would say less.
            "uvicorn.access": {"level": "WARNING"},
        },
    }
