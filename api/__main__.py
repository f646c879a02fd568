"""Serve the API with uvicorn: `python -m api`. With arguments, its command line."""

import sys

import uvicorn

from api import cli
from api.logs import configuration
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
        log_config=configuration(settings.api_log_format),
        access_log=False,
        server_header=False,
        ssl_certfile=settings.api_tls_certificate or None,
        ssl_keyfile=settings.api_tls_key or None,
        timeout_graceful_shutdown=10,
    )
