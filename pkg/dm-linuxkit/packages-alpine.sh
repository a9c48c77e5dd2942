#!/bin/sh
# Installs what collect.sh takes from, into the Alpine that this runs in. apk checks signatures.
# Node 22 is the oldest that the programs run on; e2fsprogs-extra is for chattr, util-linux-misc for blockdev.
set -eu
apk add --no-cache 'nodejs>=22' etcd zfs \
  blkid flock losetup mount partx setpriv sfdisk umount util-linux-misc wipefs e2fsprogs-extra
