"""Serve the API with uvicorn: `python -m api`. With arguments, its command line."""

import sys

import uvicorn

from api import cli
from malha.settings import load

if __name__ == "__main__":
    if len(sys.argv) > 1:
        cli.run()
        sys.exit()
    settings = load()
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=settings.api_host,
        port=settings.api_port,
        log_level="info",
    )
