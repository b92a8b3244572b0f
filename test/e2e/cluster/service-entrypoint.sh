#!/bin/sh
# Entry point of the images that stand in for those of Redis and PostgreSQL: the same arguments and variables as theirs.
set -eu

case ${1:-} in
  -*) exec redis-server "$@" ;;
  redis-server) exec "$@" ;;
esac

PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
# initdb and postgres want their user to have a name.
user=$(id -u)
if ! getent passwd "$user" >/dev/null; then
  echo "the image has no user $user" >&2
  exit 1
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "$POSTGRES_PASSWORD" >/tmp/password
  initdb --auth=scram-sha-256 --username="$POSTGRES_USER" --pwfile=/tmp/password --no-sync --encoding=UTF8 --locale=C "$PGDATA"
  rm /tmp/password
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA" postgres
fi
exec postgres -D "$PGDATA" -c 'listen_addresses=*' -c unix_socket_directories=/tmp -c fsync=off
