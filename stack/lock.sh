#!/bin/sh
# Lock what `make setup` and the images install: Python packages with hashes, jars with SHA-256
# sums. Run it after a change of requirements/*.in or thrift/pom.xml, in an environment that is set
# up. UPGRADE=--upgrade takes the newest versions that the *.in files allow.
set -eu
cd "$(dirname "$0")/.."

lock() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header ${UPGRADE:+"$UPGRADE"} "$@"
}
lock requirements/dev.in --output-file requirements/dev.txt
# What goes into an image has the versions that the tests run with.
constrained() {
    output=$1
    shift
    lock "$@" --constraint requirements/dev.txt --output-file "requirements/$output"
}
constrained build.txt requirements/build.in
constrained api.txt requirements/common.in requirements/api.in
constrained dbt.txt requirements/dbt.in
constrained spark.txt requirements/common.in requirements/spark.in

.venv/bin/python stack/bootstrap.py lock-jars
