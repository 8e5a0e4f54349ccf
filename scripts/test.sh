#!/bin/sh
# Runs the tests with all that they need: test.sh [--yes] [PROJECT…] [vitest's own options]. Without a project all run.
# The engine is brought, and stopped again, only if a project needs it. The last line printed is `N passed, N failed`.
set -eu

TEPUI_ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
. "$TEPUI_ROOT/scripts/lib.sh"

PROJECTS='unit component e2e conformance'
# The fetcher's tests make and unpack archives of each kind; the Vagrantfile's run it in Ruby; the hogs of the tests of
# limits are one-liners of Python; partitions are made with ip.
PROGRAMS='bzip2:bzip2 ip:iproute2 python3:python3 ruby:ruby unzip:unzip xz:xz-utils zip:zip'
# The web page is opened in a browser; compose.yaml and the Vagrantfile are brought up, in containers.
E2E_PROGRAMS='chromium:chromium docker-compose:docker-compose vagrant:vagrant'
# Private images come from a registry on loopback. Its package is only unpacked: installed, it would run as a service.
REGISTRY=$TEPUI_STATE/docker-registry
yes=
YES=false
chosen=
for argument in "$@"; do
  shift
  case " $PROJECTS --yes " in
    *" $argument "*) if [ "$argument" = --yes ]; then yes=--yes YES=true; else chosen="$chosen $argument"; fi ;;
    *) set -- "$@" "$argument" ;;
  esac
done

ensure_registry() {
  if [ -x /usr/bin/docker-registry ] || [ -x "$REGISTRY/usr/bin/docker-registry" ]; then return; fi
  unpack_package docker-registry "$REGISTRY"
}

bootstrap
case "${chosen:-all} " in
  *all* | *e2e*) ensure_programs $E2E_PROGRAMS ;;
esac
case "${chosen:-all} " in
  *all* | *component* | *e2e* | *conformance*) ensure_programs $PROGRAMS ;;
esac
cd "$TEPUI_ROOT"
for project in ${chosen:-$PROJECTS}; do set -- --project "$project" "$@"; done
case " ${chosen:-$PROJECTS} " in *" e2e "*) ensure_registry ;; esac
case " ${chosen:-$PROJECTS} " in
  *" e2e "* | *" conformance "*) exec sh scripts/engine.sh with $yes -- "$NODE" scripts/test.ts "$@" ;;
  *) exec "$NODE" scripts/test.ts "$@" ;;
esac
