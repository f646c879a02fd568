#!/bin/sh
# Find a Python and a Java that will do, and let stack/bootstrap.py do the rest.
# PYTHON and JAVA_HOME, where set, are tried first.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "error: $1" >&2
    exit 1
}

python=
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] ||
    fail "Python 3.11 to 3.13 is missing (found: $(python3 --version 2>&1 || true)). Debian/Ubuntu: sudo apt install python3 python3-venv. macOS: brew install python@3.13"

java=java
[ -z "${JAVA_HOME:-}" ] || java=$JAVA_HOME/bin/java
version=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' || true)
[ "${version:-0}" -ge 17 ] ||
    fail "Java 17 or later is missing (found: ${version:-none}). Debian/Ubuntu: sudo apt install openjdk-17-jre-headless (or 21). macOS: brew install openjdk@21 and follow what it says of JAVA_HOME"

exec "$python" stack/bootstrap.py "$@"
