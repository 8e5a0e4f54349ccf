#!/bin/sh
# Makes the image tepui/bench:latest with the owners and borrowers of the lending bench (redis-server, memcached, nginx,
# stress-ng, openssl), unpacked from Debian's packages; nothing is pulled or installed. Needs a running engine.
set -eu

TEPUI_ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
. "$TEPUI_ROOT/scripts/lib.sh"
. "$TEPUI_ROOT/scripts/import-image.sh"

IMAGE=tepui/bench
TAG=latest
PACKAGES="redis-server memcached nginx-light stress-ng openssl dash coreutils procps"

# An empty status file makes apt bring the packages with all that they need, down to the C library, as if nothing were
# installed; they are only fetched and unpacked into our own folder.
fetch() {
  apt-get -o Dir::State::status="$1/status" -o Dir::Cache::archives="$1/archives" -o Debug::NoLocking=1 \
    -y -q --no-install-recommends --download-only install $PACKAGES >>"$1/apt.log" 2>&1
}

fetch_packages() {
  command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 ||
    fail "$EXIT_UNAVAILABLE" "The image $IMAGE:$TAG is made of Debian's packages, and there is no apt-get here." \
      "Import an image with $PACKAGES as $IMAGE:$TAG."
  mkdir -p "$1/archives/partial" "$1/rootfs"
  : >"$1/status"
  fetch "$1" || { as_root apt-get update -q >>"$1/apt.log" 2>&1 && fetch "$1"; } || {
    tail -n 5 "$1/apt.log" >&2
    fail "$EXIT_UNAVAILABLE" "apt-get could not fetch the packages of the image $IMAGE:$TAG." "Its words stand above."
  }
  # With /bin and /lib as links first, packages of before and after usr-merge end in the same folders.
  for folder in bin sbin lib lib64; do
    mkdir -p "$1/rootfs/usr/$folder"
    ln -s "usr/$folder" "$1/rootfs/$folder"
  done
  for package in "$1"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --no-same-owner -C "$1/rootfs"
  done
}

# What a service needs of a machine, and no more; pages and manuals only make the image larger.
finish_rootfs() {
  rm -rf "$1/usr/share/doc" "$1/usr/share/man" "$1/usr/share/locale" "$1/usr/share/perl" "$1/usr/lib/systemd"
  mkdir -p "$1/dev" "$1/proc" "$1/sys" "$1/tmp" "$1/root" "$1/run" "$1/mnt" "$1/var/log/nginx" "$1/var/lib/nginx" \
    "$1/srv"
  chmod 1777 "$1/tmp"
  ln -sf dash "$1/usr/bin/sh"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
  head -c 1024 /dev/zero | tr '\0' 'x' >"$1/srv/1k"
}

make_rootfs() {
  say "Making the image $IMAGE:$TAG from Debian's packages ($PACKAGES)."
  fetch_packages "$2"
  finish_rootfs "$1"
}

ensure_image bench-image "$PATH_CHANGE"
