#!/bin/sh
# The tasks of the mesh in containers that take several commands; make calls them.
# Needs docker compose, and nothing else on this machine.
set -eu
cd "$(dirname "$0")/.."

usage() {
    cat <<'USAGE'
usage: stack/compose.sh TASK

  up [WORKERS]        build, start and wait until all is healthy; WORKERS > 0: on a Spark cluster
  land FOLDER         copy a folder's files to the landing area, under the same paths
  demo [SAMPLES]      land samples (minimo), ingest, build, and show tables, REST and JDBC
  backup FILE         save lake, landing area and metastore to a tar file
  restore FILE        read such a file into a mesh without tables

examples:
  stack/compose.sh up 2
  stack/compose.sh backup backups/monday.tar
USAGE
}

fail() {
    echo "error: $1" >&2
    exit "${2:-1}"
}

job() {
    docker compose --progress quiet run --rm --no-TTY "$@"
}

rule() {
    echo "── $1"
}

# How many containers of a service there are.
count() {
    docker compose --profile '*' ps --quiet "$1" | wc -l
}

start() {
    docker compose "$@" --detach --wait --wait-timeout 600
}

# Make the first key, for all products, where there is none; it is shown once.
first_key() {
    [ "$(docker compose exec -T api python -m api keys list --json)" = "[]" ] || return 0
    key=$(docker compose exec -T api python -m api keys create demo --scope '*' --quiet)
    echo "a key to the API, for all products; it is not shown again:"
    echo "curl -H 'Authorization: Bearer $key' http://$(docker compose port api 8000)/api/cliente-pedido"
}

up() {
    sh stack/compose-env.sh
    # Each image once: a cluster runs the one that minio-init does.
    docker compose --profile jobs --profile metrics build
    # What was started before of the profiles goes on, from the new images.
    [ "$(count prometheus)" -eq 0 ] || start --profile metrics up prometheus postgres-exporter
    workers=${1:-$(count spark-worker)}
    if [ "$workers" -eq 0 ]; then
        start up
        first_key
        return
    fi
    moves=$(count spark-master)
    set -- --profile cluster up --scale "spark-worker=$workers"
    start "$@" spark-master spark-worker spark-history
    # A Thrift Server that ran by itself would move by and by; what comes back here has moved.
    [ "$moves" -gt 0 ] || docker compose restart thrift
    start "$@"
    first_key
}

land() {
    [ -d "$1" ] || fail "there is no folder $1"
    job --volume "$(cd "$1" && pwd):/landing:ro" tools land /landing
}

demo() {
    samples=${1:-minimo}
    [ -d "data/samples/$samples" ] || fail "there are no samples $samples: see data/samples"
    rule landing
    job tools land "data/samples/$samples"
    rule 'bronze: malha-ingest'
    job ingest
    rule 'prata and ouro: dbt build'
    job dbt --quiet build
    # For the tour alone; the variable has no value on the command line, for others to see.
    API_KEY=$(docker compose exec -T api python -m api keys create tour --scope '*' \
        --expires 1h --quiet)
    export API_KEY
    job --env API_KEY tools show /dbt-target/run_results.json
    job dbt --quiet docs generate
    rule 'on this machine'
    echo "http://$(docker compose port api 8000)/docs"
    echo "jdbc:hive2://$(docker compose port thrift 10000)/"
    echo "http://$(docker compose port docs 8081)/"
}

backup() {
    [ ! -e "$1" ] || fail "$1 exists: name another file"
    mkdir -p "$(dirname "$1")"
    umask 077
    if job tools backup >"$1.partial"; then
        mv "$1.partial" "$1"
    else
        rm -f "$1.partial"
        fail 'nothing was saved'
    fi
}

restore() {
    [ -f "$1" ] || fail "there is no file $1"
    # Nothing may make tables meanwhile, or remember those that there were.
    stopped=$(docker compose ps --services --status running | grep -xE 'metastore|thrift|api' || true)
    # shellcheck disable=SC2086
    [ -z "$stopped" ] || docker compose stop $stopped
    restored=0
    job --interactive tools restore <"$1" || restored=$?
    # shellcheck disable=SC2086
    [ -z "$stopped" ] || docker compose start $stopped
    return "$restored"
}

[ $# -gt 0 ] || { usage >&2; exit 2; }
task=$1
shift
case $task in
    land | backup | restore) [ $# -eq 1 ] || { usage >&2; exit 2; } ;;
    up | demo) [ $# -le 1 ] || { usage >&2; exit 2; } ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
esac
case $task-${1:-0} in
    up-*[!0-9]*) usage >&2; exit 2 ;;
esac
"$task" "$@"
