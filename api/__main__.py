"""Serve the API: `python -m api`. With arguments, its command line."""

import sys

from api import cli
from api.server import serve
from malha.errors import MalhaError
from malha.settings import load

if __name__ == "__main__":
    if len(sys.argv) > 1:
        cli.run()
        sys.exit()
    try:
        serve(load())
    except MalhaError as error:
        sys.exit(f"error: {error}")
