#!/bin/sh
# Lock what `make setup` installs: Python packages with hashes, jars with SHA-256 sums.
# Run it after a change of requirements/*.in or thrift/pom.xml, in an environment that is set up.
set -eu
cd "$(dirname "$0")/.."

lock() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --upgrade "$@"
}
lock requirements/dev.in --output-file requirements/dev.txt
lock requirements/build.in --constraint requirements/dev.txt --output-file requirements/build.txt

.venv/bin/python stack/bootstrap.py lock-jars
