#!/bin/sh
# Write .env for docker-compose.yml: random secrets, for this user's eyes only. What .env has already
# stays as it is. Needs nothing but a POSIX shell.
set -eu
cd "$(dirname "$0")/.."

umask 077
file=${COMPOSE_ENV_FILES:-.env}
touch "$file"
chmod 600 "$file"
[ -z "$(tail -c 1 "$file")" ] || echo >>"$file"
for name in MINIO_ROOT_PASSWORD WRITER_SECRET_KEY READER_SECRET_KEY POSTGRES_PASSWORD; do
    if ! grep -q "^$name=." "$file"; then
        sed -i.old "/^$name=/d" "$file" && rm -f "$file.old"
        secret=$(head -c 512 /dev/urandom | LC_ALL=C tr -dc 'A-Za-z0-9' | cut -c 1-40)
        echo "$name=$secret" >>"$file"
        echo "$file: made $name"
    fi
done
