#!/bin/sh
# Make .venv for one image: the packages that requirements/ROLE.txt locks, then the project itself.
# The Dockerfile calls it, in a stage whose path has uv and the locked build tools.
set -eu
role=$1

uv venv --quiet --python "$(command -v python3)" .venv
install() {
    uv pip install --quiet --python .venv --no-build-isolation "$@"
}
# What ships as source is built with the locked setuptools, not with whichever is newest.
install --require-hashes -r requirements/build.txt
install --compile-bytecode --require-hashes -r "requirements/$role.txt"
install --no-deps --editable .
uv pip uninstall --quiet --python .venv setuptools uv wheel
