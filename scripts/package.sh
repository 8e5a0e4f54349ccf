#!/bin/sh
# Packs Tepui with all its dependencies into .tepui/tepui-VERSION.tgz: package.sh [FOLDER for the tarball]. It installs with
# `npm install --global FILE` where there is no network, needs no compiler, and nothing runs while it is installed.
# The last line printed is the tarball's path.
set -eu

TEPUI_ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
. "$TEPUI_ROOT/scripts/lib.sh"

[ $# -le 1 ] || fail "$EXIT_USAGE" "package.sh takes one folder at most." "sh scripts/package.sh [FOLDER]"
bootstrap
ensure_state_dir
target=${1:-$TEPUI_STATE}
mkdir -p "$target"
target=$(cd "$target" && pwd -P)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
"$NODE" --disable-warning=ExperimentalWarning "$TEPUI_ROOT/scripts/build.ts" --into "$stage/package" >&2
# The folder is complete: npm has nothing to run, only to pack.
name=$(cd "$stage/package" &&
  npm pack --ignore-scripts --pack-destination "$target" --loglevel=error --no-update-notifier | tail -n 1)
[ -f "$target/$name" ] || fail 1 "npm did not pack $stage/package into $target." "See npm's message above."
printf '%s\n' "$target/$name"
