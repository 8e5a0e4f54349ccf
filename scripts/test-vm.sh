#!/bin/sh
# The proof on real machines: test-vm.sh [--yes] [--json] [--agents N] builds a Debian box, brings the Vagrantfile up with
# libvirt and QEMU, and goes through the life of a cluster. As root; nothing of this machine but its disk, its memory and
# its processor is used: libvirt, its networks and its processes live in namespaces that end with this script.
set -eu

TEPUI_ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
. "$TEPUI_ROOT/scripts/lib.sh"

PROGRAMS='vagrant:vagrant virsh:libvirt-clients libvirtd:libvirt-daemon-system qemu-img:qemu-utils
  qemu-system-x86_64:qemu-system-x86 dnsmasq:dnsmasq-base mmdebstrap:mmdebstrap mke2fs:e2fsprogs ssh:openssh-client'
YES=false
for argument in "$@"; do
  shift
  if [ "$argument" = --yes ]; then YES=true; else set -- "$@" "$argument"; fi
done
[ "$(id -u)" -eq 0 ] || fail "$EXIT_USAGE" "Virtual machines of its own are root's." "sudo npm run test:vm"
bootstrap
ensure_programs $PROGRAMS
vagrant plugin list 2>/dev/null | grep -q vagrant-libvirt ||
  { apt_install vagrant-libvirt && vagrant plugin list | grep -q vagrant-libvirt; } ||
  fail "$EXIT_UNAVAILABLE" "Vagrant has no provider libvirt." "apt-get install vagrant-libvirt"

work=${VM_WORK:-$TEPUI_STATE/vm}
mkdir -p "$work"
work=$(cd "$work" && pwd -P)
box=$work/tepui.box
if ! [ -f "$box" ] || [ "$TEPUI_ROOT/scripts/vm/box.sh" -nt "$box" ]; then
  say "Building a Debian box in $work; this takes some minutes."
  sh "$TEPUI_ROOT/scripts/vm/box.sh" "$box" "$NODE" >"$work/box.log" 2>&1 || {
    tail -n 10 "$work/box.log" >&2
    fail 1 "The box was not built." "Its log is $work/box.log"
  }
fi
tarball=$(sh "$TEPUI_ROOT/scripts/package.sh" "$work" | tail -n 1)
# What an earlier run left: its machines ended with it.
rm -rf "$work/libvirt" "$work/project"
mkdir -p "$work/libvirt" "$work/project/scripts"
cp "$TEPUI_ROOT/Vagrantfile" "$work/project/"
cp "$TEPUI_ROOT/scripts/provision.sh" "$work/project/scripts/"
trap 'rm -rf "$work/libvirt" "$work/project"' EXIT
unshare --mount --net --pid --fork --kill-child \
  sh "$TEPUI_ROOT/scripts/vm/libvirt.sh" "$work/libvirt" \
  "$NODE" "$TEPUI_ROOT/test/vm/main.ts" "--project=$work/project" "--box=$box" "--package=$tarball" "$@"
