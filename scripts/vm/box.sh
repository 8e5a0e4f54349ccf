#!/bin/sh
# Makes a Vagrant box for libvirt out of Debian's packages alone: systemd, cgroup v2, a Docker Engine, and the Node that is
# named. As root: box.sh FILE.box NODE. It boots with the kernel beside its disk, so that no boot loader is written.
set -eu

BOX=$1
NODE=$2
SUITE=${VM_SUITE:-bookworm}
# Vagrant's own insecure key, with which every box is entered for the first time.
KEY=$(find /usr/share /opt/vagrant -path '*/vagrant-*/keys/vagrant.pub' 2>/dev/null | head -n 1)
[ -n "$KEY" ] || { echo "box.sh: Vagrant's key keys/vagrant.pub is not on this machine." >&2; exit 69; }
work=$(mktemp -d "$(dirname "$BOX")/box.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Given to mmdebstrap as a hook: $1 is the root of the new system.
cat >"$work/customize" <<HOOK
#!/bin/sh
set -eu
install -m 755 "$NODE" "\$1/usr/local/bin/node"
user=\$1/home/vagrant
chroot "\$1" useradd -m -s /bin/bash vagrant
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"\$1/etc/sudoers.d/vagrant"
install -d -m 700 "\$user/.ssh"
install -m 600 "$KEY" "\$user/.ssh/authorized_keys"
chroot "\$1" chown -R vagrant:vagrant /home/vagrant
echo '/dev/vda / ext4 errors=remount-ro 0 1' >"\$1/etc/fstab"
printf 'auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n' >"\$1/etc/network/interfaces"
echo 'UseDNS no' >>"\$1/etc/ssh/sshd_config"
# Emulated machines take their time.
mkdir -p "\$1/etc/systemd/system.conf.d"
printf '[Manager]\nDefaultTimeoutStartSec=600s\n' >"\$1/etc/systemd/system.conf.d/slow.conf"
printf 'MODULES=list\nCOMPRESS=gzip\n' >>"\$1/etc/initramfs-tools/initramfs.conf"
printf 'virtio_pci\nvirtio_blk\next4\n' >>"\$1/etc/initramfs-tools/modules"
chroot "\$1" update-initramfs -u
# Nothing here that only takes time in a machine that is thrown away.
chroot "\$1" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer
HOOK
chmod 755 "$work/customize"

mmdebstrap --mode=root --variant=minbase --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --include=systemd,systemd-sysv,dbus,udev,linux-image-cloud-amd64,initramfs-tools,ifupdown,isc-dhcp-client,iproute2 \
  --include=openssh-server,sudo,procps,docker.io,iptables,apparmor,busybox-static,ca-certificates \
  --customize-hook="$work/customize" "$SUITE" "$work/root" >&2
cp "$work/root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$work/root"/boot/initrd.img-* "$work/initrd"
mke2fs -q -t ext4 -L root -d "$work/root" "$work/disk.raw" 5G
qemu-img convert -O qcow2 "$work/disk.raw" "$work/box.img"
rm -rf "$work/root" "$work/disk.raw"
echo '{"provider": "libvirt", "format": "qcow2", "virtual_size": 5}' >"$work/metadata.json"
cat >"$work/Vagrantfile" <<'VAGRANTFILE'
Vagrant.configure('2') do |config|
  config.ssh.insert_key = false
  config.vm.provider :libvirt do |libvirt|
    libvirt.kernel = File.join(__dir__, 'vmlinuz')
    libvirt.initrd = File.join(__dir__, 'initrd')
    # The disk is the file system; Debian's kernels count pressure (PSI) only when they are told to.
    libvirt.cmd_line = 'root=/dev/vda rw console=ttyS0 net.ifnames=0 psi=1'
  end
end
VAGRANTFILE
tar -C "$work" -czf "$BOX.new" metadata.json Vagrantfile box.img vmlinuz initrd
mv "$BOX.new" "$BOX"
