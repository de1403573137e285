#!/usr/bin/env bash
# Three nodes, PostgreSQL, Redis and HAProxy on this machine, to try them: on free ports of the loopback address, in
# temporary directories, until Ctrl-C. `make cluster` builds the program and calls this.
#
# Argument: the server program.
set -euo pipefail
program=$(realpath "${1:?which program is the server?}")
deploy=$(cd "$(dirname "$0")" && pwd)
home=$(mktemp -d -t tagalong-cluster-XXXXXX)
database=$(mktemp -d -t tagalong-cluster-XXXXXX)
cd "$home"
nodes=() others=()

# In a session of its own, so that Ctrl-C reaches this script alone, which then ends everything in order; and ended
# with this script, however that ends.
start() {
  local log=$1
  shift
  setsid setpriv --pdeathsig TERM "$@" </dev/null >"$log" 2>&1 &
}

end() {
  trap '' INT TERM
  echo "stopping"
  # The nodes before what they need.
  kill "${nodes[@]}" 2>/dev/null || :
  [ -z "${nodes[*]}" ] || wait "${nodes[@]}" 2>/dev/null || :
  kill "${others[@]}" 2>/dev/null || :
  [ -z "${others[*]}" ] || wait "${others[@]}" 2>/dev/null || :
  [ -z "${orders:-}" ] || { exec {orders}>&-; wait "$postgres" || :; }
  rm -rf "$home" "$database"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "$1" >&2
  shift
  [ $# -eq 0 ] || tail -n 5 "$@" >&2
  exit 1
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
  local port=$1
  while listens "$port"; do port=$((port + 1)); done
  echo "$port"
}

# Looks now and then whether something is so, as long as its process lives.
until_so() {
  local process=$1 log=$2
  shift 2
  for ((i = 0; i < 400; i++)); do
    ! "$@" || return 0
    kill -0 "$process" 2>/dev/null || break
    sleep 0.05
  done
  fail "it does not start:" "$log"
}

coproc PG { exec setsid sh "$deploy/../crates/server/tests/support/postgres.sh" "$database"; }
postgres=$PG_PID
exec {orders}>&"${PG[1]}" {answers}<&"${PG[0]}"
# The copy above is the one that is closed at the end.
exec {PG[1]}>&-
echo start >&"$orders"
read -r -t 60 answer <&"$answers" && [ "$answer" = ok ] || fail "PostgreSQL does not start"

redis_port=$(free_port 16379)
start redis.log redis-server --bind 127.0.0.1 --port "$redis_port" --save "" --appendonly no
redis=$!
others+=("$redis")
until_so "$redis" redis.log listens "$redis_port"

DATABASE_URL="postgres:///postgres?host=$database&user=tagalong"
REDIS_URL="redis://127.0.0.1:$redis_port"
JWT_SECRET=$(head -c 32 /dev/urandom | base64)
export DATABASE_URL REDIS_URL JWT_SECRET
export BIND=127.0.0.1 PORT=0 TRUSTED_PROXIES=127.0.0.1 LOG_FORMAT=json
for node in 1 2 3; do
  mkdir "node$node"
  DATA_DIR="$home/node$node" start "node$node.log" "$program" serve
  nodes+=("$!")
done
for node in 1 2 3; do
  until_so "${nodes[node - 1]}" "node$node.log" grep -q 'ready: ' "node$node.log"
  port=$(sed -n 's/.*ready: .*:\([0-9]*\)$/\1/p' "node$node.log")
  export "NODE$node=127.0.0.1:$port"
done

listen=$(free_port 8080)
export LISTEN="127.0.0.1:$listen"
start haproxy.log haproxy -db -f "$deploy/haproxy.cfg"
balancer=$!
others+=("$balancer")
until_so "$balancer" haproxy.log listens "$listen"

cat <<END

  Open  http://localhost:$listen

  node 1      http://$NODE1  (process ${nodes[0]})
  node 2      http://$NODE2  (process ${nodes[1]})
  node 3      http://$NODE3  (process ${nodes[2]})
  Redis       $REDIS_URL  (process $redis)
  PostgreSQL  psql -h $database -U tagalong postgres
  logs        $home/*.log

  People of one session are sent to the same node. Try kill -9 on a node, or kill -STOP and -CONT on Redis.
  Ctrl-C stops everything and removes its files.

END
wait "$balancer" || fail "the load balancer has ended:" haproxy.log
