# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Shared by the *-up scripts. Sourced, not run.
# State lives in one private folder per server: pids (one "pid name" a line), env (sh exports), logs.
set -eu
die() { echo "$(basename "$0"): $*" >&2; exit 1; }
say() { echo "$(basename "$0"): $*" >&2; }
# new_dir KIND: private 0700 folder with a short path (a unix socket path has 108 bytes at most)
new_dir() { DIR=$(mktemp -d "${TMPDIR:-/tmp}/vs-$1.XXXXXX"); chmod 700 "$DIR"; : >"$DIR/pids"; : >"$DIR/env"; }
# spawn NAME CMD...: start in the background with its own log, note its pid.
# stdout/stderr are redirected: `eval "$(x-up)"` would otherwise wait for the daemon to close the pipe.
# A shell stays as its parent to reap it at once: where PID 1 reaps late, a killed jackd stays a zombie, and the next
# jackd of that name then refuses to start ("server already active": it asks by kill(pid, 0)).
# All other descriptors are closed: whoever started this script waits until nobody holds its own any more.
spawn() {
  _n=$1; shift
  rm -f "$DIR/$_n.pid"
  ( set +e
    for _f in /proc/$BASHPID/fd/*; do [ "${_f##*/}" -le 2 ] || eval "exec ${_f##*/}>&-"; done
    "$@" >"$DIR/$_n.log" 2>&1 </dev/null & echo $! >"$DIR/$_n.pid.new"; mv "$DIR/$_n.pid.new" "$DIR/$_n.pid"; wait $! ) >/dev/null 2>&1 </dev/null &
  until [ -s "$DIR/$_n.pid" ]; do sleep 0.01; done
  LAST_PID=$(cat "$DIR/$_n.pid")
  echo "$LAST_PID $_n" >>"$DIR/pids"
}
alive() { [ -d "/proc/$1" ] && [ "$(awk '{print $3}' "/proc/$1/stat" 2>/dev/null || echo Z)" != Z ]; }
# wait_for SECONDS PID CMD...: until CMD succeeds; fails when PID dies or the time is up
wait_for() {
  _t=$1; _p=$2; shift 2; _i=0
  while ! "$@" >/dev/null 2>&1; do
    alive "$_p" || { fail_log "server died while starting"; }
    _i=$((_i+1)); [ "$_i" -lt $((_t*20)) ] || { fail_log "not ready after ${_t}s"; }
    sleep 0.05
  done
}
fail_log() {
  say "$1; logs:"; for _f in "$DIR"/*.log; do echo "--- $_f" >&2; tail -20 "$_f" >&2; done
  "$HERE/server-down" ${dir:+-k} "$DIR" >/dev/null 2>&1 || true; exit 1
}
put() { echo "export $1='$2'" >>"$DIR/env"; }
finish() { cat "$DIR/env"; }
