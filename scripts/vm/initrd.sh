#!/bin/busybox sh
# The first program of the machine: the modules for the disk, the root filesystem, and over to that. The job of this
# boot (init.sh and the containers) came with the initrd.
b=/bin/busybox
die() { echo "vm: $1"; $b poweroff -f; }
$b mkdir -p /dev /new
for module in /modules/*; do $b insmod "$module" || die "no module $module"; done
$b mount -t devtmpfs devtmpfs /dev
left=100
until $b mount -t ext4 -o ro /dev/vda /new 2>/dev/null; do
  left=$((left - 1))
  [ "$left" -gt 0 ] || die "no root filesystem on /dev/vda"
  $b sleep 0.1
done
$b mount -t tmpfs -o nodev,nosuid,noexec,relatime,size=10%,mode=755 tmpfs /new/run
$b cp -a /job /new/run/vm
$b mount -o move /dev /new/dev
# /etc/inittab: busybox' init runs /run/vm/init.sh, and reaps.
exec $b switch_root /new /usr/bin/init
