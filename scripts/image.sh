#!/bin/sh
# Makes the small image tepui/busybox:latest out of Debian's static busybox, because a task needs some image and none is
# pulled from anywhere. Does nothing when the engine has it. Needs a running engine: image.sh [--yes]
set -eu

TEPUI_ROOT=$(cd "$(dirname "$0")/.." && pwd -P)
. "$TEPUI_ROOT/scripts/lib.sh"
. "$TEPUI_ROOT/scripts/import-image.sh"

IMAGE=tepui/busybox
TAG=latest

# Prints where a busybox lies that needs no shared library; Debian's is installed if the machine has none.
find_busybox() {
  for candidate in /bin/busybox /usr/bin/busybox "$TEPUI_STATE/busybox/bin/busybox"; do
    if [ -x "$candidate" ] && is_static "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  fetch_busybox && echo "$TEPUI_STATE/busybox/bin/busybox"
}

# A static program names no loader; ldd is part of every glibc and calls such a program "not a dynamic executable".
is_static() {
  if LC_ALL=C ldd "$1" >/dev/null 2>&1; then return 1; fi
}

# The package is only unpacked into our own folder: the machine's own busybox, if any, stays as it is.
fetch_busybox() {
  command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 ||
    fail "$EXIT_UNAVAILABLE" "No static busybox is on this machine, and no apt-get to fetch one with." \
      "Put a static busybox at /bin/busybox, or import an image as $IMAGE:$TAG."
  unpack_package busybox-static "$TEPUI_STATE/busybox"
  # Since usr-merge the package may carry its program in either folder.
  if ! [ -x "$TEPUI_STATE/busybox/bin/busybox" ]; then
    mkdir -p "$TEPUI_STATE/busybox/bin"
    mv "$TEPUI_STATE/busybox/usr/bin/busybox" "$TEPUI_STATE/busybox/bin/busybox"
  fi
}

make_rootfs() {
  busybox=$(find_busybox)
  [ -n "$busybox" ] || exit "$EXIT_UNAVAILABLE"
  say "Making the image $IMAGE:$TAG from $busybox; nothing is pulled."
  mkdir -p "$1/bin" "$1/dev" "$1/etc" "$1/home" "$1/mnt" "$1/proc" "$1/root" "$1/run" "$1/sys" "$1/tmp" \
    "$1/usr/bin" "$1/usr/sbin" "$1/sbin" "$1/var/tmp"
  cp "$busybox" "$1/bin/busybox"
  chmod 755 "$1/bin/busybox"
  chmod 1777 "$1/tmp" "$1/var/tmp"
  chmod 700 "$1/root"
  # Every applet is a relative link in /bin, so that a script finds `sh`, `sleep`, `wget`, `nc`, `httpd` and the others.
  for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
  done
  cat >"$1/etc/passwd" <<'PASSWD'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
nobody:x:65534:65534:nobody:/tmp:/bin/false
PASSWD
  cat >"$1/etc/group" <<'GROUP'
root:x:0:
daemon:x:1:
nogroup:x:65534:
GROUP
}

# CMD ["/bin/sh"] and a PATH; the image has no entrypoint, as a framework's command expects it.
ensure_image image "&changes=CMD%20%5B%22%2Fbin%2Fsh%22%5D$PATH_CHANGE"
