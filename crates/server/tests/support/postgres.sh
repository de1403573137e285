#!/bin/sh
# Looks after one PostgreSQL for a test process: does what the lines on standard input say, and when those end,
# because the process is done, or dead, stops the server and leaves nothing behind.
#
# Arguments: the directory of PostgreSQL's programs, a directory of our own, and a prepared cluster to copy, or
# nothing to prepare one.
set -u
programs=$1 home=$2 template=${3:-}
data=$home/data
server=

everyone() {
  [ -z "$server" ] && return
  echo "$server"
  grep -ls "^PPid:[[:space:]]*$server\$" /proc/[0-9]*/status | cut -d / -f 3
}

# Children may be born while we look.
signal() {
  for _ in 1 2 3; do
    for process in $(everyone); do kill "-$1" "$process" 2>/dev/null || :; done
  done
}

prepare() {
  if [ -z "$template" ]; then
    template=$home/template
    "$programs/initdb" -D "$template" -U tagalong -A trust -E UTF8 --locale=C --no-sync --wal-segsize=1 || return
  fi
  cp -a "$template" "$data" || return
  cat >>"$data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$home'
fsync = off
full_page_writes = off
max_connections = 200
dynamic_shared_memory_type = mmap
shared_buffers = 16MB
autovacuum = off
END
}

start() {
  [ -d "$data" ] || prepare || return
  "$programs/postgres" -D "$data" </dev/null >>"$home/server.log" 2>&1 &
  server=$!
  until "$programs/pg_isready" -q -h "$home"; do
    kill -0 "$server" || return
    sleep 0.02
  done
}

while read -r line; do
  case $line in
    start) start ;;
    kill)
      signal KILL
      wait "$server"
      server=
      ;;
    freeze) signal STOP ;;
    thaw) signal CONT ;;
    *) false ;;
  esac >"$home/output" 2>&1 && echo ok || { echo failed; cat "$home/output" "$home/server.log" >&2; }
done
signal CONT
[ -n "$server" ] && kill -QUIT "$server" && wait "$server"
rm -rf "$home"
