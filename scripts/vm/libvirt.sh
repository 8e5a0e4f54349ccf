#!/bin/sh
# Runs a command beside a libvirt of its own: libvirt.sh WORK COMMAND…, as root, in mount, network and process namespaces
# that unshare(1) made. Nothing of this machine's libvirt, network and control groups is seen or changed, and all ends
# with the first process. What it keeps is below WORK.
set -eu

WORK=$1
shift
mkdir -p "$WORK/etc" "$WORK/lib/images" "$WORK/run" "$WORK/log" "$WORK/home"
cp -r /etc/libvirt/. "$WORK/etc/"
rm -rf "$WORK/etc/qemu/networks" "$WORK/etc/storage"
cat >"$WORK/etc/qemu.conf" <<'CONF'
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
stdio_handler = "file"
namespaces = []
CONF
printf 'auth_unix_rw = "none"\nauth_unix_ro = "none"\n' >"$WORK/etc/libvirtd.conf"

mount --make-rprivate /
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for pair in etc:/etc/libvirt lib:/var/lib/libvirt run:/run/libvirt log:/var/log/libvirt; do
  mkdir -p "${pair#*:}"
  mount --bind "$WORK/${pair%%:*}" "${pair#*:}"
done
rm -rf "$WORK/run"/*
ip link set lo up

libvirtd --config "$WORK/etc/libvirtd.conf" --pid-file "$WORK/run/libvirtd.pid" >"$WORK/log/libvirtd.log" 2>&1 &
daemon=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  if virsh -c qemu:///system version >/dev/null 2>&1; then break; fi
  kill -0 "$daemon" 2>/dev/null || { tail -n 20 "$WORK/log/libvirtd.log" >&2; exit 69; }
  sleep 1
done
export HOME="$WORK/home" VAGRANT_HOME="$WORK/home/.vagrant.d"
code=0
"$@" || code=$?
kill "$daemon"
wait "$daemon" || :
exit "$code"
