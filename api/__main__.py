"""Serve the API with uvicorn: `python -m api`."""

import uvicorn

from malha.settings import load

if __name__ == "__main__":
    settings = load()
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=settings.api_host,
        port=settings.api_port,
        log_level="info",
    )
