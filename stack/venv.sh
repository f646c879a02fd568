#!/bin/sh
# Make .venv for one image: `packages ROLE` installs what requirements/ROLE.txt locks, and `project`
# then names the project in it, so that a change of pyproject.toml installs no package again. The
# Dockerfile calls it, in stages whose path has uv and the locked build tools.
set -eu

install() {
    uv pip install --quiet --python .venv --no-build-isolation "$@"
}

case $1 in
    packages)
        uv venv --quiet --python "$(command -v python3)" .venv
        # What ships as source is built with the locked setuptools, not with whichever is newest.
        install --require-hashes -r requirements/build.txt
        install --compile-bytecode --require-hashes -r "requirements/$2.txt"
        ;;
    project)
        install --no-deps --editable .
        uv pip uninstall --quiet --python .venv setuptools uv wheel
        ;;
    *)
        echo 'usage: venv.sh packages ROLE | project' >&2
        exit 2
        ;;
esac
