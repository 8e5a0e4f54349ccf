# What the launcher and every script share: finding the root, saying things, bringing Node 24 and the dependencies.
# POSIX sh, to be sourced. The caller sets TEPUI_ROOT first; nothing here writes to standard output.

# Node, logs, locks, compiled code: in a clone beside the sources; of a package, which may be another user's, in a cache.
SHARED_CACHE=/var/cache
if [ -d "$TEPUI_ROOT/src" ]; then
  TEPUI_STATE="$TEPUI_ROOT/.tepui"
elif [ "$(id -u)" -eq 0 ]; then
  TEPUI_STATE="${XDG_CACHE_HOME:-$SHARED_CACHE}/tepui"
else
  TEPUI_STATE="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/tepui"
fi
MACHINE_PATH=$PATH
NODE_MAJOR=24
NPM_OLDEST=10
NPM_MAJOR=11

# Exit codes, as docs/reference/errors.md has them.
EXIT_USAGE=64
EXIT_UNAVAILABLE=69

say() {
  printf 'tepui: %s\n' "$*" >&2
}

# fail CODE SENTENCE HINT
fail() {
  printf 'tepui: %s\n' "$2" >&2
  [ -z "${3-}" ] || printf '  hint: %s\n' "$3" >&2
  exit "$1"
}

# The state folder keeps Node, logs and locks; nothing in it is needed twice.
ensure_state_dir() {
  mkdir -p "$TEPUI_STATE" 2>/dev/null ||
    fail 1 "The folder $TEPUI_STATE cannot be written." "Run as the owner of $TEPUI_ROOT, or copy it to a folder of yours."
}

# lock NAME: waits until this process alone holds NAME. A folder is made, because mkdir either makes it or fails. A lock
# whose holder has died is taken over: by a rename, which only one of several waiters can win.
lock() {
  lock_dir="$TEPUI_STATE/$1.lock"
  lock_waited=0
  until mkdir "$lock_dir" 2>/dev/null; do
    [ -d "$lock_dir" ] || [ -w "$TEPUI_STATE" ] ||
      fail 1 "The folder $TEPUI_STATE cannot be written." "Run as the owner of $TEPUI_ROOT."
    lock_holder=$(cat "$lock_dir/pid" 2>/dev/null || true)
    # A lock without a pid is being made right now, or its maker died in between: five seconds tell the two apart.
    if [ -n "$lock_holder" ] && ! pid_lives "$lock_holder" || { [ -z "$lock_holder" ] && [ "$lock_waited" -ge 5 ]; }; then
      if mv "$lock_dir" "$lock_dir.stale.$$" 2>/dev/null; then
        rm -rf "$lock_dir.stale.$$"
      fi
      continue
    fi
    [ "$lock_waited" -ne 2 ] || say "Waiting for process ${lock_holder:-?}, which is preparing $1 in $TEPUI_ROOT."
    [ "$lock_waited" -lt 900 ] ||
      fail 1 "Process ${lock_holder:-?} has held $lock_dir for 15 minutes." "End it, or remove that folder."
    sleep 1
    lock_waited=$((lock_waited + 1))
  done
  echo $$ >"$lock_dir/pid"
  trap 'unlock' EXIT
  trap 'unlock; exit 130' INT
  trap 'unlock; exit 143' TERM HUP
}

unlock() {
  [ -z "${lock_dir-}" ] || rm -rf "$lock_dir"
  lock_dir=
  trap - EXIT INT TERM HUP
}

# Also true for a process of another user, which kill -0 may not ask.
pid_lives() {
  kill -0 "$1" 2>/dev/null || [ -d "/proc/$1" ]
}

node_is_new_enough() {
  [ -x "$1" ] || return 1
  major=$("$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null) || return 1
  [ "$major" -ge "$NODE_MAJOR" ] 2>/dev/null
}

node_arch() {
  case "$(uname -m)" in
    x86_64 | amd64) echo x64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) return 1 ;;
  esac
}

# Sets NODE to a Node of version 24 or newer: the machine's when that will do, else our own, fetched once with npm.
ensure_node() {
  NODE=$(command -v node 2>/dev/null || true)
  if [ -n "$NODE" ] && node_is_new_enough "$NODE"; then return; fi
  node_found=$([ -n "$NODE" ] && "$NODE" --version 2>/dev/null || echo none)
  arch=$(node_arch) || fail "$EXIT_UNAVAILABLE" "There is no ready-made Node $NODE_MAJOR for $(uname -m) machines." \
    "Install Node $NODE_MAJOR or newer yourself; it was looked for in PATH, found: $node_found."
  NODE="$TEPUI_STATE/node/node_modules/node-linux-$arch/bin/node"
  # What root brought for the package serves everybody, such as a daemon that may write nowhere.
  shared="$SHARED_CACHE/tepui/node/node_modules/node-linux-$arch/bin/node"
  if ! [ -d "$TEPUI_ROOT/src" ] && ! [ -x "$NODE" ] && [ -x "$shared" ]; then NODE=$shared; fi
  if ! [ -x "$NODE" ]; then
    ensure_state_dir
    lock node
    [ -x "$NODE" ] || install_node "$arch"
    unlock
  fi
  node_is_new_enough "$NODE" || fail "$EXIT_UNAVAILABLE" "$NODE does not run on this machine." \
    "Remove $TEPUI_STATE/node and try again, or install Node $NODE_MAJOR or newer yourself."
  # Children (npm's own scripts, vitest's workers, a task's custom executor) shall find the same Node first.
  PATH="${NODE%/node}:$PATH"
  export PATH
}

install_node() {
  command -v npm >/dev/null 2>&1 ||
    fail "$EXIT_UNAVAILABLE" "Node $NODE_MAJOR is needed; found: $node_found, and no npm to fetch it with." "Run: apt-get install npm"
  say "Node $NODE_MAJOR is needed and this machine has $node_found: installing it from npm into $TEPUI_STATE/node."
  install_tool node "node-linux-$1@$NODE_MAJOR" ||
    fail "$EXIT_UNAVAILABLE" "npm could not install Node $NODE_MAJOR (node-linux-$1)." \
      "See npm's message above; with another Node $NODE_MAJOR in PATH nothing is installed."
}

# install_tool NAME PACKAGE: into a folder of its own, made beside its place and moved there whole, so that nobody runs
# a half-written program.
install_tool() {
  rm -rf "$TEPUI_STATE/$1" "$TEPUI_STATE/$1.new"
  mkdir "$TEPUI_STATE/$1.new"
  # The machine's npm on the machine's Node: an old npm does not know a new Node.
  (PATH=$MACHINE_PATH && quietly npm install --prefix "$TEPUI_STATE/$1.new" --ignore-scripts --no-save "$2") &&
    mv "$TEPUI_STATE/$1.new" "$TEPUI_STATE/$1"
}

# quietly NPM ARGUMENT…: without its chatter, but with its errors (the repository's .npmrc makes npm silent).
quietly() {
  "$@" --loglevel=error --no-audit --no-fund --no-progress --no-update-notifier >&2
}

# Installs what package-lock.json says. npm 9 leaves out the native parts that are bound to a C library, which the tests
# and checks need, so where the machine's npm is that old a newer one is fetched first and run on our Node.
npm_ci() {
  npm_version=$(npm --version 2>/dev/null || echo 0)
  if [ "${npm_version%%.*}" -ge "$NPM_OLDEST" ]; then
    quietly npm ci --ignore-scripts
    return
  fi
  npm_cli="$TEPUI_STATE/npm/node_modules/npm/bin/npm-cli.js"
  if ! [ -f "$npm_cli" ]; then
    say "npm $NPM_MAJOR is needed and this machine has $npm_version: installing it from npm into $TEPUI_STATE/npm."
    install_tool npm "npm@$NPM_MAJOR" || return
  fi
  quietly "$NODE" "$npm_cli" ci --ignore-scripts
}

lock_sum() {
  cksum <"$TEPUI_ROOT/package-lock.json"
}

# The stamp lies in node_modules, so that whatever removes or reinstalls that folder removes the stamp as well.
dependencies_are_fresh() {
  stamp="$TEPUI_ROOT/node_modules/.tepui-stamp"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(lock_sum)" ]
}

# Brings the dependencies as package-lock.json has them. A package that was installed by npm has no lock file: npm did it.
ensure_dependencies() {
  [ -f "$TEPUI_ROOT/package-lock.json" ] || return 0
  if dependencies_are_fresh; then return; fi
  ensure_state_dir
  lock dependencies
  dependencies_are_fresh || install_dependencies
  unlock
}

install_dependencies() {
  command -v npm >/dev/null 2>&1 ||
    fail "$EXIT_UNAVAILABLE" "The dependencies are not installed and there is no npm to fetch them with." \
      "Run: apt-get install npm"
  say "Installing the dependencies from npm into $TEPUI_ROOT/node_modules."
  (cd "$TEPUI_ROOT" && npm_ci) ||
    fail "$EXIT_UNAVAILABLE" "npm could not install the dependencies." "See npm's message above, then try again."
  lock_sum >"$stamp"
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Asks before anything is installed. --yes (YES=true) and CI answer for the user; without a terminal nobody can.
may_install() {
  if [ "${YES-}" = true ] || [ "${CI-}" = true ] || [ "${CI-}" = 1 ]; then return 0; fi
  if ! [ -t 0 ] || ! [ -t 2 ]; then return 1; fi
  printf 'tepui: May it be installed now? [y/N] ' >&2
  read -r answer || return 1
  case $answer in [yY]*) return 0 ;; *) return 1 ;; esac
}

# apt_install PACKAGE…: what came of it the caller must see for itself. A policy that denies starting services makes apt
# complain, not fail, and an update may fail for the sake of a repository that is not needed here.
apt_install() {
  ensure_state_dir
  apt_log="$TEPUI_STATE/apt.log"
  {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" || true
  } >"$apt_log" 2>&1 </dev/null
}

# ensure_programs PROGRAM:PACKAGE…: brings with apt what is not on the machine, announced and asked for.
ensure_programs() {
  missing=
  for wanted in "$@"; do
    command -v "${wanted%%:*}" >/dev/null 2>&1 || missing="$missing ${wanted#*:}"
  done
  [ -n "$missing" ] || return 0
  say "Missing on this machine, needed from Debian's packages:$missing."
  command -v apt-get >/dev/null 2>&1 && may_install ||
    fail "$EXIT_UNAVAILABLE" "Not installed, because nobody said yes or there is no apt-get:$missing." \
      "Use --yes, or type: apt-get install -y --no-install-recommends$missing"
  apt_install $missing
  for wanted in "$@"; do
    command -v "${wanted%%:*}" >/dev/null 2>&1 && continue
    tail -n 10 "$apt_log" >&2
    fail "$EXIT_UNAVAILABLE" "apt-get did not install ${wanted#*:}." "The whole of its output is in $apt_log."
  done
  say "Installed$missing."
}

# Everything a TypeScript file of ours needs in order to run.
bootstrap() {
  ensure_node
  ensure_dependencies
}

# Builds the web page of a clone when it is missing or older than what it is made of; the package has it ready. A page
# that cannot be built keeps nobody from starting.
ensure_page() {
  [ -f "$TEPUI_ROOT/ui/main.tsx" ] || return 0
  page_built="$TEPUI_ROOT/ui/dist/index.html"
  if [ -f "$page_built" ]; then
    page_changed=$(find "$TEPUI_ROOT/ui" "$TEPUI_ROOT/src/wire/page.ts" "$TEPUI_ROOT/package-lock.json" \
      -path "$TEPUI_ROOT/ui/dist*" -prune -o -type f -newer "$page_built" -print 2>/dev/null | head -n 1)
    [ -n "$page_changed" ] || return 0
  fi
  say "Building the web page in $TEPUI_ROOT/ui/dist."
  "$NODE" "$TEPUI_ROOT/scripts/page.ts" >&2 || say "The web page could not be built; everything else works without it."
}

# unpack_package PACKAGE FOLDER: a package of Debian for our own use; the machine's own programs stay as they are.
unpack_package() {
  say "Fetching $1 with apt-get into $2 (not installed, only unpacked)."
  rm -rf "$2"
  mkdir -p "$2"
  (
    cd "$2"
    apt-get download -q "$1" >apt.log 2>&1 ||
      { as_root apt-get update -q && apt-get download -q "$1"; } >>apt.log 2>&1
    dpkg-deb -x "$1"_*.deb .
  ) || {
    tail -n 5 "$2/apt.log" >&2
    fail "$EXIT_UNAVAILABLE" "apt-get could not fetch $1." "Type: apt-get install -y $1"
  }
}
