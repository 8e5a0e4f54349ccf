#!/bin/sh
# Brings a Docker Engine where none runs, and ends the one it brought: engine.sh ensure [--yes] | stop | status |
# with [--yes] -- COMMAND… (engine and small image for the time of one command). A running engine is used and left alone.
set -eu

TEPUI_ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
. "$TEPUI_ROOT/scripts/lib.sh"

SOCKET=/var/run/docker.sock
PID_FILE="$TEPUI_STATE/dockerd.pid"
LOG_FILE="$TEPUI_STATE/dockerd.log"
USERS_DIR="$TEPUI_STATE/engine-users"
EXEC_ROOT=/var/run/docker
YES=false

engine() {
  TEPUI_ENGINE_SOCKET=$SOCKET "$NODE" "$TEPUI_ROOT/scripts/engine-request.ts" "$@"
}

# 0: an engine answers; 2: none; 3: one is there, but not for this user.
engine_answers() {
  [ -S "$SOCKET" ] || return 2
  engine GET /_ping >/dev/null 2>&1
}

need_root() {
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 ||
    fail "$EXIT_UNAVAILABLE" "No Docker Engine answers at $SOCKET, and this user can neither install nor start one." \
      "Run as root, install sudo, or start an engine yourself."
}

# What dockerd needs on a bare machine: the engine with containerd and runc, iptables for bridge networks, and the
# static busybox of which the small image is made.
PACKAGES='docker.io iptables busybox-static'

install_engine() {
  need_root
  command -v apt-get >/dev/null 2>&1 ||
    fail "$EXIT_UNAVAILABLE" "No Docker Engine is installed, and this machine has no apt-get to install it with." \
      "Install the Docker Engine by your system's own means and start it."
  say "No Docker Engine is installed. Needed from Debian's packages: $PACKAGES."
  may_install || fail "$EXIT_UNAVAILABLE" "The Docker Engine was not installed, because nobody said yes." \
    "Type: sh scripts/engine.sh ensure --yes   or: apt-get install -y --no-install-recommends $PACKAGES"
  say "Installing $PACKAGES with apt-get; it takes about a minute."
  apt_install $PACKAGES
  if ! find_dockerd; then
    tail -n 15 "$apt_log" >&2
    fail "$EXIT_UNAVAILABLE" "apt-get did not install the Docker Engine." "The whole of its output is in $apt_log."
  fi
  say "Installed $DOCKERD. It stays installed; remove it with: apt-get remove docker.io"
}

find_dockerd() {
  DOCKERD=$(PATH="$PATH:/usr/sbin:/usr/local/sbin:/sbin" command -v dockerd)
}

systemd_runs() {
  [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1 &&
    case "$(systemctl is-system-running 2>/dev/null)" in running | degraded | starting) true ;; *) false ;; esac
}

start_engine() {
  need_root
  ensure_state_dir
  # The package's own start, or another user's, may be under way right now.
  if systemd_runs && as_root systemctl start docker >/dev/null 2>&1 && wait_for_engine 30; then
    echo systemd >"$PID_FILE"
    say "Started the Docker Engine with systemctl; stop it with: sh scripts/engine.sh stop"
    return
  fi
  start_by_hand
}

# By hand: a session of its own, so that Ctrl-C at a demo does not reach it before the demo has cleaned up.
start_by_hand() {
  clear_dead_engine
  say "Starting the Docker Engine by hand: $DOCKERD, log in $LOG_FILE."
  as_root sh -c '
    cd /
    PATH="$PATH:/usr/sbin:/sbin"
    setsid "$1" --host "unix://$2" --group "$3" --pidfile "$4" --exec-root "$5" >>"$6" 2>&1 </dev/null &
  ' sh "$DOCKERD" "$SOCKET" "$(id -g)" "$PID_FILE" "$EXEC_ROOT" "$LOG_FILE"
  if wait_for_engine 30; then
    say "The Docker Engine runs (process $(cat "$PID_FILE")); stop it with: sh scripts/engine.sh stop"
    return
  fi
  tail -n 15 "$LOG_FILE" >&2
  end_engine
  fail "$EXIT_UNAVAILABLE" "The Docker Engine did not answer at $SOCKET within 30 s." "Its log is $LOG_FILE."
}

# wait_for_engine SECONDS
wait_for_engine() {
  tries=$(($1 * 5))
  until engine_answers; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

# The pid only if it still is a dockerd: after a power cut the number may belong to another program.
engine_pid() {
  pid=$(cat "$PID_FILE" 2>/dev/null) || return 1
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && echo "$pid"
}

# Removes what an engine of ours that was killed leaves in the way of the next one.
clear_dead_engine() {
  ! engine_pid >/dev/null || return 0
  as_root rm -f "$PID_FILE" "$EXEC_ROOT/containerd/containerd.pid"
}

# The containerd and the shims that live under our engine's exec root; another engine's have another address.
engine_children() {
  for proc in /proc/[0-9]*; do
    case "$(cat "$proc/comm" 2>/dev/null)" in
      containerd | containerd-shim* | docker-proxy) ;;
      *) continue ;;
    esac
    if tr '\0' ' ' <"$proc/cmdline" 2>/dev/null | grep -q -e "$EXEC_ROOT/containerd" -e '^[^ ]*docker-proxy '; then
      echo "${proc#/proc/}"
    fi
  done
}

# await_end SECONDS PID…: waits until none of the processes lives
await_end() {
  await_tries=$(($1 * 10))
  shift
  for await_pid in "$@"; do
    while [ -d "/proc/$await_pid" ] && ! grep -q '^State:.Z' "/proc/$await_pid/status" 2>/dev/null; do
      await_tries=$((await_tries - 1))
      [ "$await_tries" -gt 0 ] || return 1
      sleep 0.1
    done
  done
}

# Ends dockerd with a grace, then what it did not take along (a killed engine leaves containerd and shims behind).
end_engine() {
  if pid=$(engine_pid); then
    as_root kill -TERM "$pid" 2>/dev/null || true
    await_end 25 "$pid" || as_root kill -KILL "$pid" 2>/dev/null || true
  fi
  children=$(engine_children)
  if [ -n "$children" ]; then
    as_root kill -TERM $children 2>/dev/null || true
    await_end 5 $children || as_root kill -KILL $children 2>/dev/null || true
  fi
  # The engine keeps the network namespaces of its containers mounted below its folder of running state.
  for mounted in "$EXEC_ROOT"/netns/*; do
    [ -e "$mounted" ] && as_root umount "$mounted" 2>/dev/null || :
  done
  as_root rm -rf "$PID_FILE" "$SOCKET" "$EXEC_ROOT" /var/run/docker.pid
}

cmd_ensure() {
  answered=0
  engine_answers || answered=$?
  if [ "$answered" -eq 0 ]; then return; fi
  if [ "$answered" -eq 3 ]; then
    fail "$EXIT_UNAVAILABLE" "A Docker Engine listens at $SOCKET, but user $(id -un) may not use it." \
      "Use sudo, or: sudo usermod -aG docker $(id -un), then log in again."
  fi
  ensure_state_dir
  lock engine
  if ! engine_answers; then
    find_dockerd || install_engine
    engine_answers || start_engine
  fi
  unlock
}

cmd_stop() {
  if ! [ -f "$PID_FILE" ]; then
    say "There is nothing to stop: no Docker Engine was started by this project."
    return
  fi
  lock engine
  stop_started
  unlock
}

stop_started() {
  if [ "$(cat "$PID_FILE" 2>/dev/null)" = systemd ]; then
    as_root systemctl stop docker docker.socket >/dev/null 2>&1 || true
    rm -f "$PID_FILE"
    say "Stopped the Docker Engine with systemctl."
    return
  fi
  stopped=$(engine_pid || echo gone)
  if [ "$stopped" = gone ] && engine_answers; then
    rm -f "$PID_FILE"
    say "The Docker Engine that this project started is gone; the one that answers now is another's and is left alone."
    return
  fi
  end_engine
  say "Stopped the Docker Engine (process $stopped)."
}

cmd_status() {
  if ! engine_answers; then
    echo "no engine answers at $SOCKET"
    return 1
  fi
  if [ -f "$PID_FILE" ]; then
    echo "an engine started by this project answers at $SOCKET (process $(cat "$PID_FILE"))"
  else
    echo "an engine not started by this project answers at $SOCKET"
  fi
}

# Several commands may share one engine (two terminals, or tests inside a demo): each leaves a file with its pid, and
# the last one to go stops the engine, if it was started for such commands and not with a plain `ensure`.
cmd_with() {
  had_engine=true
  engine_answers || had_engine=false
  cmd_ensure
  mkdir -p "$USERS_DIR"
  : >"$USERS_DIR/$$"
  $had_engine || [ ! -f "$PID_FILE" ] || : >"$USERS_DIR/started"
  trap 'leave_engine' EXIT
  sh "$TEPUI_ROOT/scripts/image.sh"
  # A terminal's Ctrl-C reaches the command directly (Node undoes the "ignore" that a shell gives to background
  # commands); other signals reach only this shell, which hands them on and waits, whatever happens.
  trap ':' INT
  trap 'kill -TERM "$command_pid" 2>/dev/null' TERM HUP
  # In the background, because only `wait` is interrupted by a signal; its input would else be /dev/null.
  "$@" <&3 3<&- &
  command_pid=$!
  code=0
  wait "$command_pid" || code=$?
  while kill -0 "$command_pid" 2>/dev/null; do
    code=0
    wait "$command_pid" || code=$?
  done
  exit "$code"
}

leave_engine() {
  trap - EXIT INT TERM HUP
  rm -f "$USERS_DIR/$$"
  for user in "$USERS_DIR"/[0-9]*; do
    [ -e "$user" ] || continue
    if pid_lives "${user##*/}"; then return 0; fi
    rm -f "$user"
  done
  if [ -f "$USERS_DIR/started" ]; then
    rm -f "$USERS_DIR/started"
    if [ -f "$PID_FILE" ]; then cmd_stop; fi
  fi
  rmdir "$USERS_DIR" 2>/dev/null || true
}

usage() {
  fail "$EXIT_USAGE" "engine.sh knows ensure, stop, status and with; it was given '${command:-nothing}'." \
    "sh scripts/engine.sh ensure [--yes] | stop | status | with [--yes] -- COMMAND…"
}

command=${1-}
[ -z "$command" ] || shift
if [ "${1-}" = --yes ]; then
  YES=true
  shift
fi
if [ "${1-}" = -- ]; then shift; fi
ensure_node

case $command in
  ensure) cmd_ensure ;;
  stop) cmd_stop ;;
  status) cmd_status ;;
  with) [ $# -gt 0 ] || usage; cmd_with "$@" 3<&0 ;;
  *) usage ;;
esac
