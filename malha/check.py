"""Whether a part of the mesh does what it is for: `python -m malha.check s3|metastore|hive`.

The health checks of the containers run it every few seconds, so it loads that part alone.
"""

import importlib
import sys

from malha.errors import MalhaError
from malha.settings import load

if __name__ == "__main__":
    part = importlib.import_module(f"malha.{sys.argv[1]}")
    try:
        part.check(load())
    except MalhaError as error:
        sys.exit(f"error: {error}")
