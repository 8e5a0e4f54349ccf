#!/bin/sh
# Makes a Linux machine a master or an agent of Tepui, from the project's own package; run it again after any change:
#   provision.sh master|agent --package=FILE [--ip=ADDRESS] [--name=NAME] [--master=HOST:PORT] [--node=FILE]
#                [--no-engine] [--run]
# Each step prints PASS or FAIL; the last is `tepui doctor`. What is there already is left alone. Nothing but Debian's
# packages is fetched, and with --node=FILE (the program of a Node 24) and --no-engine nothing at all. --run, where
# there is no systemd: becomes the daemon at the end.
set -eu

# Everything is written below this folder: the machine's root, but for tests.
ROOT=${PROVISION_ROOT-}
PREFIX=/usr/local
PACKAGE_DIR=$PREFIX/lib/node_modules/tepui
NODE_MAJOR=24

usage() {
  printf 'provision.sh: %s\n  fix: %s\n' "$1" "$2" >&2
  exit 64
}

# step NAME COMMAND…: what it prints is shown only when it fails; a line `fix: …` in it is the way out.
step() {
  step_name=$1
  shift
  if step_said=$("$@" 2>&1); then
    printf 'PASS  %s%s\n' "$step_name" "${step_said:+: $(printf '%s\n' "$step_said" | tail -n 1)}"
    return
  fi
  printf 'FAIL  %s\n%s\n' "$step_name" "$(printf '%s\n' "$step_said" | tail -n 12 | sed 's/^/      /')"
  exit 1
}

is_address() {
  printf '%s\n' "$1" | grep -Eq '^([0-9]{1,3}\.){3}[0-9]{1,3}$' || return 1
  for part in $(printf '%s' "$1" | tr . ' '); do [ "$part" -le 255 ] || return 1; done
}

# Sets ROLE, PACKAGE, IP, NAME, MASTER, NODE_FILE, WITH_ENGINE, RUN; refuses before anything is touched.
read_arguments() {
  ROLE=${1-} PACKAGE='' IP='' NAME='' MASTER='' NODE_FILE='' WITH_ENGINE=true RUN=false
  case $ROLE in
    master | agent) shift ;;
    *) usage "The first word is '$ROLE': expected master or agent." \
      "sh provision.sh agent --package=FILE --master=HOST:PORT" ;;
  esac
  for argument in "$@"; do
    case $argument in
      --package=?*) PACKAGE=${argument#*=} ;;
      --ip=?*) IP=${argument#*=} ;;
      --name=?*) NAME=${argument#*=} ;;
      --master=?*) MASTER=${argument#*=} ;;
      --node=?*) NODE_FILE=${argument#*=} ;;
      --no-engine) WITH_ENGINE=false ;;
      --run) RUN=true ;;
      *) usage "'$argument' is no option." "The first lines of provision.sh list them." ;;
    esac
  done
  [ -f "$PACKAGE" ] ||
    usage "There is no package '$PACKAGE'." "Make one with: npm run package   and name it: --package=FILE"
  [ -z "$NODE_FILE" ] || [ -f "$NODE_FILE" ] ||
    usage "There is no Node at '$NODE_FILE'." "Leave --node out, or name a file."
  [ -z "$IP" ] || is_address "$IP" ||
    usage "--ip has the value '$IP': expected an IPv4 address." "--ip=10.0.0.2"
  case $NAME in *[!A-Za-z0-9._-]*) usage "--name has the value '$NAME'." "Letters, digits, dots, dashes only." ;; esac
  [ "$ROLE" = master ] || [ -n "$MASTER" ] || usage "An agent needs its master's address." "--master=10.0.0.1:5050"
}

# settings: the flags of the daemon as variables, as systemd reads them. It listens everywhere, and tells the address
# that the others reach.
settings() {
  [ -z "$IP" ] || printf 'TEPUI_ADVERTISE_IP=%s\nTEPUI_HOSTNAME=%s\n' "$IP" "$IP"
  [ "$ROLE" = agent ] || return 0
  printf 'TEPUI_MASTER=%s\n' "$MASTER"
  [ -z "$NAME" ] || printf 'TEPUI_ATTRIBUTES=agent:%s\n' "$NAME"
  printf 'TEPUI_RESOURCE_ESTIMATOR=usage\nTEPUI_QOS_CONTROLLER=pressure\n'
}

# replace FILE: writes standard input to it if that is a change; leaves a mark that the daemon must be started anew.
replace() {
  mkdir -p "$(dirname "$ROOT$1")"
  cat >"$ROOT$1.new"
  if cmp -s "$ROOT$1.new" "$ROOT$1"; then
    rm "$ROOT$1.new"
    return
  fi
  mv "$ROOT$1.new" "$ROOT$1"
  : >"$CHANGED"
}

check_machine() {
  [ "$(uname -s)" = Linux ] || { echo "This is $(uname -s), not Linux."; return 1; }
  [ "$(id -u)" -eq 0 ] || { printf 'This is not root.\nfix: sudo sh provision.sh …\n'; return 1; }
}

# The oldest engine with which Tepui was tried; `tepui doctor` has the same bound.
ENGINE_OLDEST=20.10

# Before anything is changed: an engine that is there and too old is its owner's to replace.
check_engine() {
  engine_version=$({ dockerd --version || docker --version; } 2>/dev/null | sed -n 's/^Docker version \([0-9]*\.[0-9]*\).*/\1/p')
  [ -n "$engine_version" ] || { echo "there is none yet"; return; }
  oldest=$(printf '%s\n%s\n' "$ENGINE_OLDEST" "$engine_version" | sort -t. -k1,1n -k2,2n | head -n 1)
  [ "$oldest" != "$ENGINE_OLDEST" ] || { echo "$engine_version"; return; }
  echo "The Docker Engine here is $engine_version; $ENGINE_OLDEST or newer is needed."
  echo "fix: install a newer one, or leave it out with --no-engine"
  return 1
}

node_is_new_enough() {
  major=$("$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null) && [ "$major" -ge "$NODE_MAJOR" ] 2>/dev/null
}

apt() {
  command -v apt-get >/dev/null 2>&1 || {
    printf 'There is no apt-get here.\nfix: install %s yourself\n' "$*"
    return 1
  }
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y -q --no-install-recommends "$@" ||
    { apt-get update -q && apt-get install -y -q --no-install-recommends "$@"; }
}

# Node that was brought along, else the machine's own, else npm, with which the launcher brings one.
bring_node() {
  if node_is_new_enough node; then
    echo "the machine's own, $(node --version)"
  elif [ -n "$NODE_FILE" ]; then
    node_is_new_enough "$NODE_FILE" || { echo "$NODE_FILE does not run here, or is older than $NODE_MAJOR."; return 1; }
    install -D -m 755 "$NODE_FILE" "$ROOT$PREFIX/bin/node"
    echo "brought along, in $PREFIX/bin"
  else
    command -v npm >/dev/null 2>&1 || apt npm || return 1
    echo "brought by npm at the first start"
  fi
}

# The package holds all that it needs, so unpacking it is all that npm would do.
install_package() {
  sum=$(sha256sum <"$PACKAGE") || return 1
  if [ "$(cat "$ROOT$PACKAGE_DIR/.installed" 2>/dev/null)" = "$sum" ]; then
    echo "is there already"
    return
  fi
  fresh=$ROOT$PACKAGE_DIR.new
  rm -rf "$fresh"
  mkdir -p "$fresh" "$ROOT$PREFIX/bin"
  # -o as the tar of busybox has it, too: no owners of the archive.
  tar -xzo -f "$PACKAGE" -C "$fresh" --strip-components=1 || return 1
  [ -x "$fresh/bin/tepui" ] && [ -d "$fresh/node_modules" ] || {
    printf '%s is not the package with dependencies.\nfix: make it with: npm run package\n' "$PACKAGE"
    return 1
  }
  echo "$sum" >"$fresh/.installed"
  rm -rf "$ROOT$PACKAGE_DIR"
  mv "$fresh" "$ROOT$PACKAGE_DIR"
  ln -sf "$PACKAGE_DIR/bin/tepui" "$ROOT$PREFIX/bin/tepui"
  : >"$CHANGED"
}

bring_engine() {
  if command -v dockerd >/dev/null 2>&1 || [ -S /var/run/docker.sock ]; then
    echo "is there already"
  else
    # Its engine starts no container where the kernel has AppArmor and nothing loads profiles.
    apt docker.io iptables apparmor >/dev/null || return 1
    echo "installed"
  fi
}

write_settings() {
  settings | replace "/etc/tepui/$ROLE.env"
}

# The units of the package, with the place where the command lies here.
write_units() {
  for unit in tepui.slice "tepui-$ROLE.service"; do
    unit_text=$(sed "s|/usr/bin/tepui|$PREFIX/bin/tepui|" "$ROOT$PACKAGE_DIR/packaging/systemd/$unit") || return 1
    printf '%s\n' "$unit_text" | replace "/etc/systemd/system/$unit" || return 1
  done
}

# Tasks outlive a restart of their agent, and nothing is restarted that did not change.
start_service() {
  systemctl daemon-reload
  systemctl enable -q "tepui-$ROLE"
  if [ -e "$CHANGED" ]; then systemctl restart "tepui-$ROLE"; else systemctl start "tepui-$ROLE"; fi
  [ "$ROLE" = agent ] && port=5051 || port=5050
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if "$PREFIX/bin/tepui" version -m "127.0.0.1:$port" 2>/dev/null | grep -q 'master at'; then return; fi
    sleep 5
  done
  journalctl -u "tepui-$ROLE" -n 8 --no-pager
  printf 'fix: see journalctl -u tepui-%s\n' "$ROLE"
  return 1
}

runs_systemd() {
  [ -d /run/systemd/system ]
}

run_daemon() {
  set -a
  . "$ROOT/etc/tepui/$ROLE.env"
  set +a
  if [ "$ROLE" = master ]; then exec "$PREFIX/bin/tepui" master --work_dir=/var/lib/tepui-master; fi
  exec "$PREFIX/bin/tepui" agent --work_dir=/var/lib/tepui
}

main() {
  read_arguments "$@"
  CHANGED=$(mktemp)
  rm "$CHANGED"
  trap 'rm -f "$CHANGED"' EXIT
  step 'a Linux machine, as root' check_machine
  if [ "$ROLE" = agent ] && $WITH_ENGINE; then step 'Docker Engine, if any, is new enough' check_engine; fi
  step 'Node' bring_node
  step 'Tepui' install_package
  # As root, so that a Node which has to be fetched lies where the master's own user finds it.
  step 'first start' "$PREFIX/bin/tepui" --version
  if [ "$ROLE" = agent ] && $WITH_ENGINE; then step 'Docker Engine' bring_engine; fi
  step 'settings' write_settings
  if runs_systemd; then
    step 'units of systemd' write_units
    step "service tepui-$ROLE" start_service
  elif ! $RUN; then
    printf 'FAIL  service: there is no systemd here\n      fix: use --run, and have it started again when it ends\n'
    exit 1
  fi
  "$PREFIX/bin/tepui" doctor --for "$ROLE"
  if ! runs_systemd; then run_daemon; fi
}

# Tests read the functions and call them one by one.
if [ "${PROVISION_SOURCED-}" != true ]; then main "$@"; fi
