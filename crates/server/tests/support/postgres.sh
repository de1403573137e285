#!/bin/sh
# Looks after one PostgreSQL for a process that needs one for a while: does what the lines on standard input
# say, and when those end, because the process is done, or dead, stops the server and leaves nothing behind.
#
# Arguments: a directory of our own, where the server's socket will be, and a prepared cluster to copy, or
# nothing to prepare one.
set -u
home=$1 template=${2:-}
data=$home/data
server=

# Where one is told to look; where Debian keeps the programs, the newest version first; or wherever pg_config says.
programs=${POSTGRES_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
[ -x "$programs/initdb" ] || programs=$(pg_config --bindir 2>/dev/null)
[ -x "$programs/initdb" ] || {
  echo "PostgreSQL is needed: apt-get install postgresql (it need not run)" >&2
  exit 1
}

# PostgreSQL refuses to be run by root; root runs it as the user that Debian's package makes.
as=
if [ "$(id -u)" -eq 0 ]; then
  as="setpriv --reuid=postgres --regid=postgres --clear-groups"
  chown postgres:postgres "$home" || exit
fi
cd "$home" || exit

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
    $as "$programs/initdb" -D "$template" -U tagalong -A trust -E UTF8 --locale=C --no-sync --wal-segsize=1 || return
  fi
  $as cp -a "$template" "$data" || return
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
  $as "$programs/postgres" -D "$data" </dev/null >>"$home/server.log" 2>&1 &
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
cd / && rm -rf "$home"
