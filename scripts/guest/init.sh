#!/bin/bash
# The guest's init: the host's files below (read-only), OpenZFS's userland between, memory above; then one command.
# The kernel hands over $guest_kit (see build.mjs) and $guest_share (a folder that host and guest both write; its
# .guest/ holds the job to run and receives the exit status).
# A command costs 20 ms to start here, so this file starts few of them.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
halt() { echo o >/proc/sysrq-trigger; while :; do sleep 1; done; } # the kernel ends below the loop
give_up() { echo "guest: $1"; halt; }
trap 'give_up "init ended early"' EXIT

mount -t proc proc /proc
version=$(</proc/sys/kernel/osrelease)
modules=$guest_kit/modules/lib/modules/$version
mount -t tmpfs -o size=90% tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root /mnt/zfs
insmod "$modules/kernel/fs/overlayfs/overlay.ko" || give_up "no overlay module"
# A hostfs of its own, since overlayfs refuses a layer that lies inside another.
mount -t hostfs none -o "$guest_kit/zfs" /mnt/zfs || give_up "cannot see $guest_kit/zfs"
mount -t overlay overlay -o lowerdir=/mnt/zfs:/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root || give_up "no overlay"

cd /mnt/root || give_up "no root"
mkdir -p old dev/pts dev/shm run "lib/modules" ".$guest_share"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t devtmpfs devtmpfs dev
mkdir -p dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs -o size=90% tmpfs dev/shm
mount -t tmpfs -o size=90%,mode=755 tmpfs run
mount -t hostfs none -o "$guest_share" ".$guest_share" || give_up "cannot see $guest_share"
# A real root, not only a chroot: .zfs/snapshot automounts by absolute path.
mount --make-rprivate /
pivot_root . old || give_up "no new root"
export guest_kit guest_share modules version
exec chroot . /bin/bash -c '
  umount -l /old
  # As systemd and LinuxKit have it: mounts spread. Tests must meet what users meet.
  mount --make-rshared /
  rm -rf /etc/zfs/zpool.cache /etc/hostid "/lib/modules/$version" # what the host has of these is not ours
  ln -s "$modules" "/lib/modules/$version"
  # Two machines that see one disk must differ in this, or OpenZFS takes one for the other.
  cp "$guest_share/.guest/hostid" /etc/hostid
  modprobe -a zfs loop tun || echo "guest: a module is missing"
  chmod 666 /dev/zfs
  ln -sf /proc/self/fd /dev/fd
  ip link set lo up
  mkdir -p /run/lock /run/test
  bash "$guest_share/.guest/job"
  echo $? >"$guest_share/.guest/status"
  sync -f "$guest_share/.guest/status"
  echo o >/proc/sysrq-trigger
  while :; do sleep 1; done'
