#!/bin/sh
# Runs a TypeScript file of ours with all that it needs: run.sh [--engine] FILE [--yes] ARGUMENT…
# Standard output is the program's alone, so that `--json` prints one object and nothing else.
set -eu

TEPUI_ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
. "$TEPUI_ROOT/scripts/lib.sh"

with_engine=false
if [ "${1-}" = --engine ]; then
  with_engine=true
  shift
fi
[ $# -gt 0 ] || fail "$EXIT_USAGE" "run.sh was given no file to run." "sh scripts/run.sh [--engine] FILE [ARGUMENT…]"
file=$1
shift
[ -f "$TEPUI_ROOT/$file" ] ||
  fail "$EXIT_UNAVAILABLE" "There is no $file in this version of Tepui." "CHANGELOG.md says what each version brings."

# --yes is for us and taken out; every other argument goes on, spaces and all.
yes=
for argument in "$@"; do
  shift
  if [ "$argument" = --yes ]; then yes=--yes; else set -- "$@" "$argument"; fi
done

bootstrap
cd "$TEPUI_ROOT"
if ! $with_engine; then exec "$NODE" "$file" "$@"; fi
exec sh scripts/engine.sh with $yes -- "$NODE" "$file" "$@"
