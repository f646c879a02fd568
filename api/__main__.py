"""Serve the API: `python -m api`. With arguments, its command line."""

import sys

from api import cli
from api.server import serve
from malha.settings import load

if __name__ == "__main__":
    if len(sys.argv) > 1:
        cli.run()
        sys.exit()
    serve(load())
